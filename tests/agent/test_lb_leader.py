"""Whole agents: `lb-leader` is held by a node to which requests from outside may be pointed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rigs.agents import Agent, agents
from rigs.http_backend import __file__ as backend_file
from rigs.ports import free_port
from rigs.processes import Process, running, wait_until
from rigs.raft_lab import lease_holders, wait_for_leader, wait_for_voters

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

LB_LEADER = "lb-leader"
TAKEOVER_S = 2.0


class EntryPoint:
    """What answers in place of the Traefik of one node."""

    def __init__(self, log_file: Path) -> None:
        self.port = free_port()
        self._log_file = log_file
        self._stack = contextlib.ExitStack()
        self._process: Process | None = None

    def start(self) -> None:
        command = ["python3", backend_file, "--name", "traefik", "--port", str(self.port)]
        self._process = self._stack.enter_context(running(command, log_file=self._log_file))
        self._process.wait_for_port(self.port)

    def kill(self) -> datetime:
        assert self._process is not None
        self._process.kill()
        return datetime.now(UTC)

    def close(self) -> None:
        self._stack.close()


Rig = tuple[list[Agent], dict[str, EntryPoint]]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Three agents and their entry points, with the lease held by the leader."""
    with contextlib.ExitStack() as stack:
        points = [EntryPoint(tmp_path / f"entry-{number}.log") for number in range(3)]
        for point in points:
            stack.callback(point.close)
            point.start()
        settings = [
            {
                "raft": {"bootstrap_expect": 3},
                "leases": {"takeover_after_s": TAKEOVER_S},
                "traefik": {"probe": [f"127.0.0.1:{point.port}"]},
            }
            for point in points
        ]
        nodes = stack.enter_context(agents(tmp_path, 3, settings=settings))
        wait_for_voters(nodes, [agent.name for agent in nodes])
        leader = wait_for_leader(nodes)
        wait_until(
            lambda: lease_holders(leader).get(LB_LEADER) == leader.name,
            timeout_s=30,
            what=lambda: f"the leader to hold it: {lease_holders(leader)}",
        )
        yield nodes, {agent.name: point for agent, point in zip(nodes, points, strict=True)}


def acquisitions(nodes: list[Agent]) -> list[tuple[datetime, str]]:
    """Return when which node acquired the lease, in order."""
    return sorted(
        (datetime.fromisoformat(event["timestamp"]), agent.name)
        for agent in nodes
        for event in agent.events("lease_acquired")
        if event["lease"] == LB_LEADER
    )


def next_acquisition(nodes: list[Agent], known: int, *, timeout_s: float) -> tuple[datetime, str]:
    wait_until(
        lambda: len(acquisitions(nodes)) > known,
        timeout_s=timeout_s,
        what="another node to acquire it",
    )
    return acquisitions(nodes)[known]


def reasons(agent: Agent) -> dict[str, str]:
    report = json.loads(agent.run_command("leases", "--json").stdout)
    return {one["node"]: one["why"] for one in report["no_candidates"]}


def test_lb_leader_leaves_a_leader_whose_traefik_is_killed_and_returns_to_it(rig: Rig) -> None:
    nodes, points = rig
    leader = wait_for_leader(nodes)
    known = len(acquisitions(nodes))
    point = points[leader.name]

    killed_at = point.kill()
    at, holder = next_acquisition(nodes, known, timeout_s=10)

    assert holder != leader.name
    assert (at - killed_at).total_seconds() < 4.0
    why = f"its entry point at 127.0.0.1:{point.port} does not answer: connection refused"
    assert reasons(nodes[0]) == {leader.name: f"its ingress fails: {why}"}
    degraded = json.loads(nodes[0].run_command("status", "--json").stdout)["degraded"]
    assert any(f"traefik on {leader.name} does not work: {why}" in line for line in degraded)

    point.start()
    _, holder = next_acquisition(nodes, known + 1, timeout_s=TAKEOVER_S + 8)

    assert holder == leader.name


def test_lb_leader_leaves_a_leader_that_is_cordoned_and_returns_to_it(rig: Rig) -> None:
    nodes, _ = rig
    leader = wait_for_leader(nodes)
    other = next(agent for agent in nodes if agent is not leader)
    known = len(acquisitions(nodes))

    assert other.run_command("cordon", leader.name).returncode == 0
    ordered_at = datetime.fromisoformat(leader.events("cordon_changed")[-1]["timestamp"])
    at, holder = next_acquisition(nodes, known, timeout_s=10)

    assert holder != leader.name
    assert (at - ordered_at).total_seconds() < 2.0
    assert reasons(other) == {leader.name: "it is cordoned"}

    assert other.run_command("uncordon", leader.name).returncode == 0
    _, holder = next_acquisition(nodes, known + 1, timeout_s=TAKEOVER_S + 8)

    assert holder == leader.name


def test_nobody_holds_lb_leader_while_no_traefik_answers(rig: Rig) -> None:
    nodes, points = rig
    known = len(acquisitions(nodes))
    for point in points.values():
        point.kill()

    wait_until(
        lambda: len(reasons(nodes[0])) == 3 and not lease_holders(nodes[0])[LB_LEADER],
        timeout_s=20,
        what=lambda: f"nobody to hold it: {reasons(nodes[0])}",
    )
    points[nodes[1].name].start()
    wait_until(
        lambda: lease_holders(nodes[0])[LB_LEADER] == nodes[1].name,
        timeout_s=10,
        what=lambda: f"the one that can: {lease_holders(nodes[0])}",
    )
    assert acquisitions(nodes)[known:][-1][1] == nodes[1].name
