"""A node whose data directory is full stays a member, and is whole when there is space again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.agents import Agent, agents, start_all
from rigs.processes import wait_until
from rigs.small_disk import fill, small_disk

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("mount"),
    pytest.mark.timeout(240),
]

ROOT = Path(__file__).parent.parent.parent
WHOLE_WITHIN_S = 10.0
UNSAVED = r'constellation_file_unsaved\{[^}]*file="gossip.json"[^}]*\} 1'
THREE = {
    "raft": {"bootstrap_expect": 2},
    "static_services": [{"name": "web", "address": "127.0.0.1:1", "interval_s": 0.5}],
}


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The data directory of agent alpha, a file system of its own with the parameter's options."""
    with small_disk(tmp_path / "alpha" / "data", request.param) as directory:
        yield directory


def degraded(agent: Agent) -> list[str]:
    """Return what `constellation status` names as wrong; empty: nothing, or no answer."""
    done = agent.run_command("status", "--json")
    return list(json.loads(done.stdout)["degraded"]) if done.stdout else [done.stderr]


def problems_of(disk: Path, agent: Agent) -> list[str]:
    """Return what `agent` names as wrong with files on `disk`."""
    return [text for text in degraded(agent) if str(disk) in text]


def states_seen_by(agent: Agent) -> dict[str, str]:
    rows = json.loads(agent.run_command("nodes", "--json").stdout)["nodes"]
    return {row["node"]: row["state"] for row in rows}


def kill_actors(agent: Agent, *names: str) -> None:
    for name in names:
        process_id = agent.process_id_of(name)
        assert process_id, f"no process plays {name}"
        os.kill(process_id, signal.SIGKILL)
    wait_until(
        lambda: all(agent.process_id_of(name) for name in names),
        timeout_s=10,
        what=lambda: f"{names} to be started again",
    )


def answers(agent: Agent) -> bool:
    return agent.run_command("nodes").returncode != 1


@pytest.mark.parametrize("disk", ["size=2m"], indirect=True)
@pytest.mark.case("C1")
def test_node_with_a_full_disk_stays_a_member_and_is_whole_when_there_is_space(
    disk: Path, tmp_path: Path
) -> None:
    with agents(tmp_path, 3, settings=THREE, start=False) as nodes:
        alpha, beta, gamma = nodes
        start_all([alpha, beta])
        wait_until(lambda: not problems_of(disk, alpha), timeout_s=10, what="alpha to be well")
        filler = fill(disk)

        kill_actors(alpha, "gossip", "light", "http", "raft", "leases")
        gamma.start()
        for agent in nodes:
            agent.wait_for_members(alive=3)
        wait_until(
            lambda: bool(problems_of(disk, alpha)), timeout_s=20, what="alpha to report its disk"
        )
        for text in problems_of(disk, alpha):
            assert f"the file system at {disk} is full" in text
            assert f"free space on {disk}" in text
        wait_until(
            lambda: bool(re.search(UNSAVED, alpha.get("/metrics")[1].decode())),
            timeout_s=10,
            what="the metric of files that are not saved",
        )

        assert alpha.stop() == 0
        alpha.start()
        for agent in nodes:
            agent.wait_for_members(alive=3)
        time.sleep(6)  # longer than a suspicion lasts
        assert states_seen_by(beta) == {"alpha": "alive", "beta": "alive", "gamma": "alive"}
        assert answers(alpha)
        assert not alpha.events("actor_given_up")
        wait_until(
            lambda: bool(problems_of(disk, beta)), timeout_s=10, what="beta to report alpha's disk"
        )

        filler.unlink()
        wait_until(
            lambda: not problems_of(disk, alpha) and not problems_of(disk, beta),
            timeout_s=WHOLE_WITHIN_S,
            what=lambda: f"alpha to be whole: {degraded(alpha)}",
        )
        assert states_seen_by(alpha) == {"alpha": "alive", "beta": "alive", "gamma": "alive"}


@pytest.mark.parametrize("disk", ["size=2m"], indirect=True)
@pytest.mark.case("C2")
def test_first_start_on_a_full_disk_is_one_line_and_exit_code_1(disk: Path, tmp_path: Path) -> None:
    fill(disk)
    with agents(tmp_path, 1, start=False) as (agent,):
        done = subprocess.run(
            [sys.executable, "-m", "constellation.start", "--config", str(agent.config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith(f"constellation: {disk}/")
    assert f"the file system at {disk} is full; free space on {disk}" in line
