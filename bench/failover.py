"""How long nobody leads, and nobody acts on a lease, when the leader's agent dies or ends.

Three agents with default settings, and in each an actor that acts on both leases every 20 ms.
The leader's agent, all its processes at once, is killed with SIGKILL; another time it is ended as
systemd does.  Times count from the signal: until another leads, until it is granted both leases,
and until it acts on both.  The signal comes at any moment: from when the agent that was taken out
before runs again, until 3 s later.

Two more parts measure how soon DNS records follow (`bench.failover_dns`).

    python -m bench.failover --parts leases dns-agent dns-traefik --kills 20
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from bench.failover_dns import measure_agents, measure_traefik
from bench.figures import Figures, percentile
from rigs.agents import Agent, agents, start_all
from rigs.lease_writer import LEASES
from rigs.processes import wait_until
from rigs.raft_lab import (
    Act,
    acts_in,
    assert_exclusive,
    wait_for_leader,
    wait_for_voters,
    with_writers,
)

KILLS = 20
STOPS = 10
SETTLE_S_MAX = 3.0
SEED = 7
LEADER_P99_MS = 3000
LEASES_P99_MS = 3500
STOP_MS = 1000
PARTS = ("leases", "dns-agent", "dns-traefik")


@dataclass(frozen=True)
class Round:
    """How many milliseconds after the signal another node did what."""

    led_ms: float
    granted_ms: float
    acted_ms: float


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="What happens when a leader is lost.")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure; default: all"
    )
    parser.add_argument("--kills", type=int, default=KILLS, help="how often each part kills")
    chosen = parser.parse_args()
    with Figures("failover") as figures:
        if "leases" in chosen.parts:
            measure_leases(figures, chosen.kills)
        if "dns-agent" in chosen.parts:
            measure_agents(figures, chosen.kills)
        if "dns-traefik" in chosen.parts:
            measure_traefik(figures, chosen.kills)


def measure_leases(figures: Figures, kills: int) -> None:
    """Kill the leader's agent again and again, and then end it as systemd does."""
    moments = Random(SEED)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "acts"
        settings = {"raft": {"bootstrap_expect": 3}}
        with agents(Path(directory), 3, settings=settings, start=False) as nodes:
            with_writers(nodes, file)
            start_all(nodes)
            wait_for_voters(nodes, [agent.name for agent in nodes])
            killed = [one_round(nodes, file, moments, by_force=True) for _ in range(kills)]
            ended = [one_round(nodes, file, moments, by_force=False) for _ in range(STOPS)]
        assert_exclusive(acts_in(file))
    leaders, leases = [one.led_ms for one in killed], [one.acted_ms for one in killed]
    stops = [one.acted_ms for one in ended]
    figures.spread("killed: until another leads", leaders)
    figures.spread("killed: from then until it is granted both", [granted_in(n) for n in killed])
    figures.spread("killed: from then until it acts on both", [acted_in(one) for one in killed])
    figures.spread("killed: until another acts on both leases", leases)
    figures.spread("ended: until another acts on both leases", stops)
    figures.add("killed_new_leader_p99", percentile(leaders, 0.99), "ms", goal=LEADER_P99_MS)
    figures.add("killed_leases_p99", percentile(leases, 0.99), "ms", goal=LEASES_P99_MS)
    figures.add("ended_leases_max", max(stops), "ms", goal=STOP_MS)


def granted_in(one: Round) -> float:
    """Return how long the new leader waited for the leases."""
    return one.granted_ms - one.led_ms


def acted_in(one: Round) -> float:
    """Return how long the grants took to the actors that act on them."""
    return one.acted_ms - one.granted_ms


def one_round(nodes: Sequence[Agent], file: Path, moments: Random, *, by_force: bool) -> Round:
    """Take the leader out and in again; return when another did what."""
    old = wait_for_leader(nodes)
    wait_until(lambda: holders(acts_in(file)) == {old.name}, timeout_s=30, what="the leader to act")
    others = [agent for agent in nodes if agent is not old]
    elected = {agent.name: len(own_elections(agent)) for agent in others}
    signalled_s, signalled_utc = time.monotonic(), datetime.now(UTC)
    if by_force:
        old.process.kill_session()
    else:
        old.stop()
    wait_until(
        lambda: holders(acts_in(file)) - {old.name} and len(holders(acts_in(file))) == 1,
        timeout_s=30,
        what=lambda: f"another holder than {old.name}; it is {holders(acts_in(file))}",
    )
    began_s = [
        min(
            act.at_s
            for act in acts_in(file)
            if act.lease == lease and act.node != old.name and act.at_s > signalled_s
        )
        for lease in LEASES
    ]
    (elected_utc, *_) = [
        at for agent in others for at in own_elections(agent)[elected[agent.name] :]
    ]
    granted_utc = max(granted_at(others, lease, old, after=signalled_utc) for lease in LEASES)
    old.start()
    wait_for_voters(nodes, [agent.name for agent in nodes])
    time.sleep(moments.uniform(0, SETTLE_S_MAX))
    return Round(
        led_ms=(elected_utc - signalled_utc).total_seconds() * 1000,
        granted_ms=(granted_utc - signalled_utc).total_seconds() * 1000,
        acted_ms=(max(began_s) - signalled_s) * 1000,
    )


def granted_at(nodes: Sequence[Agent], lease: str, old: Agent, *, after: datetime) -> datetime:
    """Return when the first of the nodes knew of a new grant to another agent than `old`."""
    times = [
        datetime.fromisoformat(event["timestamp"])
        for agent in nodes
        for event in agent.events("lease_granted")
        if event["subject"] == lease and event["about"] != old.name
    ]
    return min(at for at in times if at > after)


def holders(acts: Sequence[Act]) -> set[str]:
    """Return who acted last on the leases."""
    return set({act.lease: act.node for act in acts}.values())


def own_elections(agent: Agent) -> list[datetime]:
    """Return when this agent was elected itself."""
    return [
        datetime.fromisoformat(event["timestamp"])
        for event in agent.events("leader_elected")
        if event["about"] == agent.name
    ]


if __name__ == "__main__":
    main()
