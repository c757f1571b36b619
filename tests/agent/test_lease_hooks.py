"""Whole agents: programs of the operator run where a lease is acquired and where it is lost."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from rigs.agents import Agent, agents
from rigs.processes import wait_until
from rigs.raft_lab import wait_for_leader, wait_for_voters

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

SECRET = "this-token-is-a-secret"
PROGRAM = """#!/bin/sh
env > {directory}/env-$4
test "$1" = lost && sleep 0.7
echo "$(date +%s.%N) $*" >> {directory}/moves
"""


@dataclass(frozen=True)
class Move:
    """One line that the program has written, at its end."""

    at_s: float
    event: str
    lease: str
    token: int
    node: str


def moves(directory: Path, lease: str = "lb-leader") -> list[Move]:
    file = directory / "moves"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [
        Move(float(at), event, name, int(token), node)
        for at, event, name, token, node in lines
        if name == lease
    ]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Agent]]:
    """Three agents with hooks, of which the leader has acquired both leases."""
    program = tmp_path / "move-ip"
    program.write_text(PROGRAM.format(directory=tmp_path))
    program.chmod(0o755)
    hooks = [{"lease": name, "program": str(program)} for name in ("lb-leader", "backup")]
    settings = {"raft": {"bootstrap_expect": 3}, "leases": {"hooks": hooks}}
    with agents(tmp_path, 3, settings=settings, start=False) as nodes:
        for agent in nodes:
            agent.environment = {
                **agent.environment,
                "CLOUDFLARE_API_TOKEN": SECRET,
                "CONSTELLATION_LEASES__TTL_S": "4",
            }
            agent.start(wait=False)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        leader = wait_for_leader(nodes)
        for lease in ("lb-leader", "backup"):
            wait_until(
                lambda lease=lease: (
                    [one.node for one in moves(tmp_path, lease)][-1:]  # type: ignore[misc]
                    == [leader.name]
                ),
                timeout_s=30,
                what="the leader to acquire them",
            )
        yield nodes


@pytest.mark.parametrize("lease", ["lb-leader", "backup"])
def test_lost_has_run_at_the_stop_of_an_agent_before_another_node_acquires(
    three: list[Agent], tmp_path: Path, lease: str
) -> None:
    old = wait_for_leader(three)
    last = moves(tmp_path, lease)[-1]
    assert old.stop() == 0

    wait_until(
        lambda: (
            [one.event for one in moves(tmp_path, lease) if one.token >= last.token]
            == ["acquired", "lost", "acquired"]
        ),
        timeout_s=15,
        what=lambda: f"another node to acquire it: {moves(tmp_path, lease)}",
    )

    lost, acquired = moves(tmp_path, lease)[-2:]
    assert (lost.node, lost.token) == (old.name, last.token)
    assert acquired.token > lost.token
    assert acquired.node != old.name
    granted_s = min(
        _seconds(event["timestamp"])
        for agent in three
        for event in agent.events("lease_acquired")
        if event["lease"] == lease and event["fencing_token"] == acquired.token
    )
    assert lost.at_s < granted_s
    environment = (tmp_path / f"env-{old.name}").read_text()
    assert "PATH=" in environment
    assert SECRET not in environment
    assert "CONSTELLATION" not in environment


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def test_acquired_runs_again_after_a_crash_and_a_failure_is_in_the_status(
    three: list[Agent], tmp_path: Path
) -> None:
    leader = wait_for_leader(three)
    (tmp_path / "move-ip").write_text("#!/bin/sh\necho no such device; exit 2\n")
    os.kill(leader.process_id_of("lease_hooks"), signal.SIGKILL)

    def degraded() -> list[str]:
        done = three[0].run_command("status", "--json")
        return list(json.loads(done.stdout)["degraded"]) if done.stdout else []

    wait_until(
        lambda: any("exit code 2; it wrote last: no such device" in line for line in degraded()),
        timeout_s=40,
        what=lambda: f"the failure in the status: {degraded()}",
    )
    (event, *_) = leader.events("lease_hook_failed")
    assert " acquired " in event["command"]
