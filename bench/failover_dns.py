"""How long the records of a domain name a node that is gone, and what a change of leader costs.

Three agents, each with a real Traefik, keep a zone at a double of Cloudflare's API.  The node that
holds `lb-leader`, and writes the records, loses its agent (all its processes at once, SIGKILL); in
another part its Traefik, while its agent lives.  Times count from the signal, until the records of
the domain and of the wildcard name another node.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.figures import Figures, percentile
from rigs.agents import Agent, agents, process_memory_bytes, start_all
from rigs.cloudflare import TOKEN, Call, Cloudflare, cloudflare
from rigs.ports import free_port
from rigs.processes import wait_until
from rigs.raft_lab import leader_of, lease_holders, wait_for_voters
from rigs.traefik import Traefik, traefik

DOMAIN = "home.example"
ADDRESS = {"alpha": "203.0.113.1", "beta": "203.0.113.2", "gamma": "203.0.113.3"}
NODE_OF = {address: name for name, address in ADDRESS.items()}
LEASES = ("lb-leader", "dns-writer")
AGENT_P99_MS = 10_000
TRAEFIK_P99_MS = 6_000
CALLS_MAX = 2
PROVIDER_MIB = 50
SETTLE_S = 1.5  # in which a round would follow that was not needed
TAKEOVER_S = 2.0  # until lb-leader returns to the Raft leader: the next round begins so much sooner
# Comparisons without a reason are no part of what a change of leader costs.
INTERVAL_S = 3600.0


@dataclass(frozen=True)
class Moment:
    """When the signal was sent, by both clocks."""

    monotonic_s: float = field(default_factory=time.monotonic)
    utc: datetime = field(default_factory=lambda: datetime.now(UTC))

    def ms_until(self, later: float | datetime) -> float:
        """Return the milliseconds from the signal until then."""
        if isinstance(later, datetime):
            return (later - self.utc).total_seconds() * 1000
        return (later - self.monotonic_s) * 1000


@dataclass(frozen=True)
class Change:
    """One change of leader: milliseconds after the signal, by what had happened by then."""

    reached_ms: Mapping[str, float]
    calls: tuple[str, ...]  # to the API, also those soon afterwards

    @property
    def right_ms(self) -> float:
        """When the records named another node."""
        return self.reached_ms["the records name the new leader"]


@dataclass(frozen=True)
class Provider:
    """The processes of the provider in a cluster at rest."""

    on_writer: int
    elsewhere: int
    memory_bytes: int


class EntryPoint:
    """The Traefik of one node: it can be killed and started again at the same port."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._stack = contextlib.ExitStack()
        self._traefik: Traefik | None = None

    def start(self, agent: Agent) -> None:
        """Start it; it polls the agent."""
        argument = f"--entrypoints.outside.address=127.0.0.1:{self.port}"
        self._traefik = self._stack.enter_context(
            traefik(agent.endpoint, self._directory, poll_interval_s=1.0, arguments=[argument])
        )

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self._traefik is not None, "it was never started"
        self._traefik.process.kill()
        self.close()

    def close(self) -> None:
        """End it."""
        self._stack.close()


class Rig:
    """Three agents, their Traefiks, and the API that keeps their zone."""

    def __init__(
        self, nodes: Sequence[Agent], points: Mapping[str, EntryPoint], api: Cloudflare, zone: str
    ) -> None:
        self.nodes = nodes
        self.points = points
        self.api = api
        self.zone = zone
        self.providers: list[Provider] = []

    def pointed_to(self) -> str:
        """Return the node that the domain and the wildcard both name; empty: there is none."""
        named = {DOMAIN: "", f"*.{DOMAIN}": ""}
        for record in self.api.records(self.zone):
            if record["name"] in named:
                named[record["name"]] += NODE_OF.get(record["content"], "another")
        (name, *others) = set(named.values())
        return "" if others else name

    def leader(self) -> Agent:
        """Return the node that leads, holds both leases, and is named, once the zone rests."""
        found: list[Agent] = []

        def rests() -> bool:
            led = leader_of(self.nodes)
            if led is not None:
                held = lease_holders(led)
                found[:] = [led]
                return {self.pointed_to(), *(held.get(one) for one in LEASES)} == {led.name}
            return False

        wait_until(rests, timeout_s=60, what=lambda: f"a leader; {self.pointed_to()} is named")
        ids = {agent.name: agent.process_id_of("dns-provider") for agent in self.nodes}
        on_writer = ids.pop(found[0].name)
        memory_bytes = process_memory_bytes([on_writer])
        elsewhere = sum(map(bool, ids.values()))
        self.providers.append(Provider(int(bool(on_writer)), elsewhere, memory_bytes))
        return found[0]

    def wait_for_another(self, old: Agent) -> float:
        """Return when the records named another node than `old`, which must be the leader."""
        others = [agent for agent in self.nodes if agent is not old]
        wait_until(
            lambda: self.pointed_to() in {agent.name for agent in others},
            timeout_s=60,
            what=lambda: f"another node than {old.name}; {self.pointed_to()} is named",
        )
        at_s = time.monotonic()
        held = lease_holders(others[0])
        assert held["lb-leader"] == self.pointed_to(), f"{self.pointed_to()} is named: {held}"
        return at_s


def measure_agents(figures: Figures, kills: int) -> None:
    """Kill the leader's agent again and again."""
    with _rig() as rig:
        changes = [_agent_killed(rig) for _ in range(kills)]
        rig.leader()
        providers = rig.providers
    title = "agent killed: until the records name the new leader"
    figures.spread(title, [one.right_ms for one in changes])
    _show_parts(figures, "agent killed", changes)
    _add_times(figures, "dns_agent_killed", changes, AGENT_P99_MS)
    memory_mib = median(one.memory_bytes for one in providers) / (1 << 20)
    figures.add("dns_provider_pss", memory_mib, "MiB", goal=PROVIDER_MIB)
    missing = sum(1 - one.on_writer for one in providers)
    figures.add("dns_provider_missing_on_writer", missing, "processes", goal=0)
    elsewhere = sum(one.elsewhere for one in providers)
    figures.add("dns_provider_elsewhere", elsewhere, "processes", goal=0)
    figures.note(f"the provider's processes were counted {len(providers)} times, on all nodes")


def measure_traefik(figures: Figures, kills: int) -> None:
    """Kill the leader's Traefik again and again."""
    with _rig() as rig:
        changes = [_traefik_killed(rig) for _ in range(kills)]
    title = "Traefik killed: until the records name another node"
    figures.spread(title, [one.right_ms for one in changes])
    _show_parts(figures, "Traefik killed", changes)
    _add_times(figures, "dns_traefik_killed", changes, TRAEFIK_P99_MS)


def _agent_killed(rig: Rig) -> Change:
    """Take the leader's agent out and in again."""
    old = rig.leader()
    others = [agent for agent in rig.nodes if agent is not old]
    rig.api.forget_calls()
    signal = Moment()
    old.process.kill_session()
    right_s = rig.wait_for_another(old)
    for agent in others:
        agent.wait_for_members(alive=2)  # its death is no reason for a call either
    time.sleep(SETTLE_S)
    calls = rig.api.calls
    (listed, changed) = [_first(calls, what) for what in ("list", "batch")]
    granted = [first_at(others, "lease_granted", signal.utc, subject=lease) for lease in LEASES]
    reached: dict[str, float | datetime] = {
        "a lease is granted": min(granted),
        "both leases are granted": max(granted),
        "the new writer acts on its lease": first_at(
            others, "lease_acquired", signal.utc, lease="dns-writer"
        ),
        "the provider's process is ready": first_at(others, "dns_provider_started", signal.utc),
        "the API gets the list": listed,
        "the API gets the batch": changed,
        "the records name the new leader": right_s,
    }
    old.start()
    wait_for_voters(rig.nodes, [agent.name for agent in rig.nodes])
    return _change(signal, reached, [call.what for call in calls])


def _traefik_killed(rig: Rig) -> Change:
    """Take the leader's Traefik out and in again."""
    old = rig.leader()
    others = [agent for agent in rig.nodes if agent is not old]
    rig.api.forget_calls()
    signal = Moment()
    rig.points[old.name].kill()
    right_s = rig.wait_for_another(old)
    time.sleep(SETTLE_S)
    calls = rig.api.calls
    (listed, changed) = [_first(calls, what) for what in ("list", "batch")]
    reached: dict[str, float | datetime] = {
        "lb-leader is granted": first_at(others, "lease_granted", signal.utc, subject="lb-leader"),
        "the API gets the list": listed,
        "the API gets the batch": changed,
        "the records name the new leader": right_s,
    }
    rig.points[old.name].start(old)
    return _change(signal, reached, [call.what for call in calls])


def _change(
    signal: Moment, reached: Mapping[str, float | datetime], calls: Sequence[str]
) -> Change:
    times = {what: signal.ms_until(at) for what, at in reached.items()}
    return Change(times, tuple(calls))


def _first(calls: Sequence[Call], what: str) -> float:
    return next(call.at_s for call in calls if call.what == what)


def first_at(nodes: Sequence[Agent], name: str, after: datetime, **fields: str) -> datetime:
    """Return when the first of the nodes logged an event with these fields after that time."""
    times = [
        datetime.fromisoformat(event["timestamp"])
        for agent in nodes
        for event in agent.events(name)
        if fields.items() <= event.items()
    ]
    return min(at for at in times if at > after)


def _add_times(figures: Figures, name: str, changes: Sequence[Change], goal_ms: float) -> None:
    times_ms = [one.right_ms for one in changes]
    figures.add(f"{name}_p50", percentile(times_ms, 0.5), "ms", goal=goal_ms)
    figures.add(f"{name}_p99", percentile(times_ms, 0.99), "ms", goal=goal_ms)
    calls = max(len(one.calls) for one in changes)
    figures.add(f"{name}_calls_max", calls, "calls", goal=CALLS_MAX)
    kinds = Counter(" ".join(one.calls) for one in changes)
    texts = [f"{count} times {kind}" for kind, count in kinds.most_common()]
    figures.note(f"{name}: the calls of a change were {', '.join(texts)}")


def _show_parts(figures: Figures, title: str, changes: Sequence[Change]) -> None:
    """Print how long each part took, counted from the one before, and name the slowest."""
    parts = [*changes[0].reached_ms]
    steps: dict[str, list[float]] = {part: [] for part in parts}
    for change in changes:
        before_ms = 0.0
        for part in parts:
            steps[part].append(change.reached_ms[part] - before_ms)
            before_ms = change.reached_ms[part]
    rows: list[list[str | float]] = [
        [
            f"until {part}",
            percentile([one.reached_ms[part] for one in changes], 0.5),
            percentile(steps[part], 0.5),
            percentile(steps[part], 0.99),
        ]
        for part in parts
    ]
    columns = [title, "median ms after the signal", "median ms of the part", "p99 ms of the part"]
    figures.table(columns, rows)
    slowest = max(parts, key=lambda part: percentile(steps[part], 0.5))
    figures.note(f"{title}: the slowest part is that until {slowest}")


@contextlib.contextmanager
def _rig() -> Iterator[Rig]:
    """Run everything until the block ends."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        api = stack.enter_context(cloudflare())
        zone = api.add_zone(DOMAIN)
        points = {name: EntryPoint(directory / f"traefik-{name}") for name in ADDRESS}
        each = [_settings(name, point.port, api, zone) for name, point in points.items()]
        nodes = stack.enter_context(agents(directory, 3, settings=each, start=False))
        start_all(nodes)
        for agent in nodes:
            stack.callback(points[agent.name].close)
            points[agent.name].start(agent)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        yield Rig(nodes, points, api, zone)


def _settings(name: str, port: int, api: Cloudflare, zone: str) -> dict[str, object]:
    return {
        "domain": DOMAIN,
        "raft": {"bootstrap_expect": 3},
        "leases": {"takeover_after_s": TAKEOVER_S},
        "traefik": {"probe": [f"127.0.0.1:{port}"]},
        "dns": {
            "zones": [{"name": DOMAIN, "id": zone}],
            "addresses": [ADDRESS[name]],
            "interval_s": INTERVAL_S,
            "cloudflare": {"base_url": api.url, "api_token": TOKEN},
        },
    }
