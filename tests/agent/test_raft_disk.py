"""What a node promised is on its disk, or it takes no part: it says so, and routes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messages.raft_member import RaftPropose
from rigs.agents import Agent, agents, start_all
from rigs.failing_disk import HANG
from rigs.processes import wait_until
from rigs.raft_lab import (
    client_of,
    raft_status,
    wait_for_leader,
    wait_for_voters,
)
from rigs.small_disk import fill, small_disk

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.scenario(9)]

THREE = {"raft": {"bootstrap_expect": 3}}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Agent]]:
    """Three agents of one cluster."""
    with agents(tmp_path, 3, settings=THREE, start=False) as nodes:
        for agent in nodes:
            agent.program = "rigs.failing_disk"
            agent.environment = {"SYNC_FAILS_FILE": str(tmp_path / f"{agent.name}-fails")}
        start_all(nodes)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        yield nodes


def problems(agent: Agent) -> str:
    """Return what the operator is told to act on."""
    done = agent.run_command("status", "--json")
    report: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return str(report.get("degraded", done.stderr))


def wait_for_problem(agent: Agent, text: str) -> None:
    wait_until(
        lambda: text in problems(agent),
        timeout_s=15,
        what=lambda: f"{text!r} at {agent.name}; it says {problems(agent)}",
    )


def takes_part(agent: Agent, leader: Agent) -> bool:
    """Return whether a member has all that the leader has committed."""
    own, its = raft_status(agent), raft_status(leader)
    if own is None or its is None or own.condition != "member":
        return False
    return bool(own.leader) and own.applied_index >= its.commit_index - 1


def test_leader_whose_sync_fails_is_replaced_and_rejoins_once_the_disk_works(
    three: list[Agent], tmp_path: Path
) -> None:
    old = wait_for_leader(three)
    failing = tmp_path / f"{old.name}-fails"
    failing.touch()

    new = wait_for_leader(three, among=[agent for agent in three if agent is not old])
    wait_for_problem(old, "takes no part")
    wait_until(lambda: old.get("/api/dynamic")[0] == 200, timeout_s=15, what="routes")
    failing.unlink()
    wait_until(lambda: takes_part(old, new), timeout_s=20, what="it to take part again")
    wait_until(lambda: "raft" not in problems(old), timeout_s=10, what="nothing to act on")
    (refused, *_) = old.events("raft_refuses")
    assert refused["fix"]


@pytest.mark.case("S4")
def test_leader_whose_disk_hangs_says_so_and_so_do_all_others(
    three: list[Agent], tmp_path: Path
) -> None:
    old = wait_for_leader(three)
    others = [agent for agent in three if agent is not old]
    failing = tmp_path / f"{old.name}-fails"
    failing.write_text(HANG)

    wait_for_leader(three, among=others)
    for agent in three:
        wait_for_problem(agent, "the disk has not answered for 5 s")
        wait_until(
            lambda agent=agent: "the disk has not answered" in str(agent.health().get("problems")),  # type: ignore[misc]
            timeout_s=20,
            what=f"/health of {agent.name}",
        )
        assert agent.run_command("raft").returncode == agent.run_command("status").returncode == 2
    assert "start its agent" not in problems(others[0])
    assert old.events("actor_hung") == []
    failing.unlink()
    wait_until(lambda: "raft" not in problems(old).lower(), timeout_s=20, what="no problem")


def test_flipped_bit_is_refused_with_what_to_do_and_the_others_decide_without_it(
    three: list[Agent],
) -> None:
    victim = three[1]
    victim.stop()
    journal = victim.data_dir / "raft" / "journal"
    data = bytearray(journal.read_bytes())
    data[len(data.rstrip(b"\0")) // 2] ^= 0x10
    journal.write_bytes(data)

    victim.start()

    wait_for_problem(victim, "takes no part")
    assert "it joins as a new node" in problems(victim)
    assert journal.read_bytes() == bytes(data)
    wait_for_leader([three[0], three[2]])
    status = raft_status(victim)
    assert status is not None
    assert status.condition == "refuses"


def test_torn_record_is_cut_and_the_node_goes_on(three: list[Agent]) -> None:
    victim = three[2]
    victim.process.kill_session()
    journal = victim.data_dir / "raft" / "journal"
    room = journal.read_bytes()
    whole = room.rstrip(b"\0")
    # A write that never ended: its header is there, most of its body is not.
    journal.write_bytes((whole + whole[-40:][:5]).ljust(len(room), b"\0"))

    victim.start()

    wait_until(
        lambda: takes_part(victim, wait_for_leader(three)), timeout_s=20, what="it to take part"
    )
    assert victim.events("torn_record_cut")


@pytest.mark.needs("mount")
def test_node_with_a_full_disk_takes_no_part_until_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "alpha" / "data" / "raft"
    with (
        small_disk(disk, "size=64k"),
        agents(tmp_path, 3, settings=THREE, start=False) as nodes,
    ):
        victim = nodes[0]
        start_all(nodes)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        filler = fill(disk)
        with client_of(wait_for_leader(nodes)) as client:  # more than its last page holds
            client.send("raft", RaftPropose(commands=(bytes(4000), bytes(4000)), number=1))
            client.receive(2.0)  # it may be the leader's own disk that is full

        wait_for_problem(victim, "No space left on device")
        others = [agent for agent in nodes if agent is not victim]
        leader = wait_for_leader(others)
        filler.unlink()
        wait_until(lambda: takes_part(victim, leader), timeout_s=30, what="it to take part")
        wait_until(lambda: "raft" not in problems(victim), timeout_s=10, what="no problem")
