"""Questions of tests to the Raft actors of running agents."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from messages.raft_member import RaftOrder, RaftOrderDone, RaftStatus, RaftStatusRequest
from rigs import lease_writer
from rigs.actor_client import ActorClient
from rigs.agents import ACTOR_PORT, Agent
from rigs.processes import wait_until


def client_of(agent: Agent) -> ActorClient:
    """Return a client that talks to one agent."""
    key = str(agent.settings["cluster_key"]).encode()
    return ActorClient(agent.address, ACTOR_PORT, key)


def raft_status(agent: Agent) -> RaftStatus | None:
    """Return the status of the agent's member; None if it does not answer."""
    with contextlib.suppress(TimeoutError, OSError), client_of(agent) as client:
        return client.ask("raft", RaftStatusRequest(), RaftStatus, 1.0)
    return None


def statuses(nodes: Iterable[Agent]) -> list[RaftStatus]:
    """Return the status of each member that answers."""
    return [found for agent in nodes if (found := raft_status(agent)) is not None]


def leader_of(nodes: Iterable[Agent]) -> Agent | None:
    """Return the leader of the latest term, by its own report."""
    found: list[tuple[int, Agent]] = []
    for agent in nodes:
        status = raft_status(agent)
        if status is not None and status.role == "leader":
            found.append((status.term, agent))
    return max(found, key=lambda one: one[0])[1] if found else None


def wait_for_leader(
    nodes: Sequence[Agent], *, among: Sequence[Agent] | None = None, timeout_s: float = 15.0
) -> Agent:
    """Return the leader, once it is one of `among`; all nodes unless given."""
    led: list[Agent] = []

    def is_led() -> bool:
        leader = leader_of(nodes)
        if leader is None or leader not in (nodes if among is None else among):
            return False
        led[:] = [leader]
        return True

    wait_until(is_led, timeout_s=timeout_s, what=lambda: f"a leader; {_all(nodes)}")
    return led[0]


def wait_for_voters(nodes: Sequence[Agent], names: Iterable[str], timeout_s: float = 30.0) -> None:
    """Return once the leader reports exactly those voters."""
    wanted = tuple(sorted(names))

    def has_them() -> bool:
        leader = leader_of(nodes)
        status = raft_status(leader) if leader else None
        return status is not None and status.voters == wanted

    wait_until(has_them, timeout_s=timeout_s, what=lambda: f"voters {wanted}; {_all(nodes)}")


def order(agent: Agent, action: str, node: str) -> RaftOrderDone:
    """Send an order to the agent's Raft actor; return the result."""
    with client_of(agent) as client:
        wanted = RaftOrder(action=action, node=node, number=1)  # type: ignore[arg-type]
        return client.ask("raft", wanted, RaftOrderDone, 8.0)


def _all(nodes: Iterable[Agent]) -> list[str]:
    return [repr(raft_status(agent))[:300] for agent in nodes]


def with_writers(nodes: Iterable[Agent], file: Path) -> Path:
    """Run an extra actor in each agent, which acts on the leases that its node holds."""
    for agent in nodes:
        agent.program = "rigs.lease_writer"
        agent.environment = {
            lease_writer.FILE_VARIABLE: str(file),
            lease_writer.FAIL_VARIABLE: str(_fail_file(agent)),
        }
    return file


def fail_a_lease_step(agent: Agent) -> None:
    """Have the `leases` actor of an agent with a writer fail in the middle of a step, once."""
    _fail_file(agent).touch()


def _fail_file(agent: Agent) -> Path:
    return agent.directory / "fail-leases"


def lease_holders(agent: Agent) -> dict[str, str]:
    """Return which node holds each lease, as the operator's command on an agent reports it."""
    done = agent.run_command("leases", "--json")
    report = json.loads(done.stdout) if done.stdout else {"leases": ()}
    return {row["name"]: row["holder"] for row in report["leases"]}


@dataclass(frozen=True)
class Act:
    """One write that a lease allowed, as seen from outside."""

    lease: str
    token: int
    node: str
    at_s: float


def acts_in(file: Path) -> list[Act]:
    """Return all writes, in order of arrival."""
    if not file.exists():
        return []
    lines = file.read_bytes().splitlines()
    return [Act(**json.loads(line)) for line in lines if line.endswith(b"}")]


def assert_exclusive(acts: Iterable[Act]) -> None:
    """Assert that tokens never decrease, and that each was used by one node."""
    latest: dict[str, Act] = {}
    for act in acts:
        before = latest.get(act.lease)
        if before is not None:
            assert act.token >= before.token, f"{act} came after {before}"
            assert act.token > before.token or act.node == before.node, f"{act}, {before}"
        latest[act.lease] = act
