"""What a lease permits is done by one node at a time, whatever happens to its holder."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs import lease_writer
from rigs.agents import Agent, agents, start_all
from rigs.processes import wait_until
from rigs.raft_lab import (
    acts_in,
    assert_exclusive,
    fail_a_lease_step,
    lease_holders,
    wait_for_leader,
    wait_for_voters,
    with_writers,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TTL_S = 4.0  # the default
LEASES = set(lease_writer.LEASES)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Agent]]:
    """Three agents, each with an actor that writes under the leases of its node."""
    with agents(tmp_path, 3, settings={"raft": {"bootstrap_expect": 3}}, start=False) as nodes:
        with_writers(nodes, tmp_path / "acts")
        start_all(nodes)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        wait_until(
            lambda: holders(tmp_path) == {wait_for_leader(nodes).name},
            timeout_s=30,
            what="the leader to act",
        )
        yield nodes


def holders(directory: Path) -> set[str]:
    """Return the nodes that wrote last under each lease, once there was a write under each."""
    latest = {act.lease: act.node for act in acts_in(directory / "acts")}
    return set(latest.values()) if latest.keys() == LEASES else set()


def signal_all(agent: Agent, number: signal.Signals) -> None:
    for process_id in agent.process_ids():
        os.kill(process_id, number)


@pytest.mark.scenario(6)
def test_holder_that_was_frozen_writes_nothing_with_its_old_token(
    three: list[Agent], tmp_path: Path
) -> None:
    for _ in range(2):
        freeze_holder_for_one_and_a_half_lease_times(three, tmp_path)


def freeze_holder_for_one_and_a_half_lease_times(nodes: list[Agent], directory: Path) -> None:
    old = wait_for_leader(nodes)
    signal_all(old, signal.SIGSTOP)
    frozen_s = time.monotonic()
    try:
        wait_for_successor(old, directory, timeout_s=3 * TTL_S)
        time.sleep(max(0.0, 1.5 * TTL_S - (time.monotonic() - frozen_s)))
    finally:
        signal_all(old, signal.SIGCONT)
    time.sleep(2)

    assert_exclusive(acts_in(directory / "acts"))
    assert old.name not in holders(directory)


def wait_for_successor(old: Agent, directory: Path, *, timeout_s: float) -> None:
    wait_until(
        lambda: holders(directory) and old.name not in holders(directory),
        timeout_s=timeout_s,
        what=lambda: f"another holder than {old.name}: {holders(directory)}",
    )


def test_holder_that_is_stopped_has_a_successor_at_once(three: list[Agent], tmp_path: Path) -> None:
    old = wait_for_leader(three)
    old.stop()

    wait_for_successor(old, tmp_path, timeout_s=5)
    acts = acts_in(tmp_path / "acts")
    assert_exclusive(acts)
    for lease in LEASES:
        last_s = max(act.at_s for act in acts if (act.lease, act.node) == (lease, old.name))
        first_s = min(act.at_s for act in acts if act.lease == lease and act.node != old.name)
        assert first_s - last_s < 1.0


@pytest.mark.parametrize("actor", ["leases", "raft", "writer", "gossip", "supervisor"])
def test_killing_any_process_of_the_holder_never_leads_to_two_holders(
    three: list[Agent], tmp_path: Path, actor: str
) -> None:
    old = wait_for_leader(three)
    before = len(acts_in(tmp_path / "acts"))
    os.kill(old.process_id_of(actor), signal.SIGKILL)

    wait_until(
        lambda: len(acts_in(tmp_path / "acts")) > before + 200, timeout_s=30, what="acts to go on"
    )
    assert_exclusive(acts_in(tmp_path / "acts"))


def test_leases_actor_that_fails_in_a_step_restarts_and_its_old_grant_ends(
    three: list[Agent], tmp_path: Path
) -> None:
    old = wait_for_leader(three)
    process_id = old.process_id_of("leases")
    last_token = max(act.token for act in acts_in(tmp_path / "acts"))
    failed_s = time.monotonic()

    fail_a_lease_step(old)
    wait_until(
        lambda: old.process_id_of("leases") not in (0, process_id),
        timeout_s=10,
        what="the leases actor to start again",
    )
    wait_until(
        lambda: min(tokens_of_last_acts(tmp_path)) > last_token,
        timeout_s=30,
        what="writes under new grants",
    )

    acts = acts_in(tmp_path / "acts")
    assert_exclusive(acts)
    assert max(act.at_s for act in acts if act.token <= last_token) < failed_s + TTL_S
    assert [one["what"] for one in old.events("actor_failed")] == ["WakeupMessage"]


def tokens_of_last_acts(directory: Path) -> list[int]:
    return list({act.lease: act.token for act in acts_in(directory / "acts")}.values())


def test_lb_leader_skips_a_leader_that_cannot_hold_it_and_moves_to_one_that_can(
    tmp_path: Path,
) -> None:
    unable, able = {"leases": {"lb_leader": False}}, {"leases": {"takeover_after_s": 2.0}}
    voters = {"raft": {"bootstrap_expect": 3}}
    settings = [
        {**voters, **unable, "priority": 10},
        {**voters, **able, "priority": 100},
        {**voters, **able, "priority": 100},
    ]
    with agents(tmp_path, 3, settings=settings) as nodes:
        leader, *others = nodes
        wait_for_leader(nodes, among=[leader], timeout_s=60)
        wait_until(
            lambda: lease_holders(leader)["lb-leader"] in {one.name for one in others},
            timeout_s=60,
            what=lambda: f"another holder than the leader: {lease_holders(leader)}",
        )
        holder = lease_holders(leader)["lb-leader"]
        to = next(one for one in others if one.name != holder)

        leader.run_command("transfer", to.name)
        wait_until(
            lambda: lease_holders(leader)["lb-leader"] == to.name,
            timeout_s=25,  # after 30 s the preferred node leads again
            what=lambda: f"{to.name} to hold it: {lease_holders(leader)}",
        )


def test_lb_leader_moves_at_once_when_the_agent_that_holds_it_is_stopped(tmp_path: Path) -> None:
    with agents(tmp_path, 3, settings={"raft": {"bootstrap_expect": 3}}) as nodes:
        wait_for_voters(nodes, [agent.name for agent in nodes])
        wait_until(
            lambda: lease_holders(nodes[0])["lb-leader"] == wait_for_leader(nodes).name,
            timeout_s=60,
            what=lambda: f"the leader to hold it: {lease_holders(nodes[0])}",
        )
        old = wait_for_leader(nodes)
        others = [agent for agent in nodes if agent is not old]
        old.stop()
        stopped_s = time.monotonic()

        wait_until(
            lambda: lease_holders(others[0])["lb-leader"] in {one.name for one in others},
            timeout_s=20,
            what=lambda: f"another holder: {lease_holders(others[0])}",
        )
        assert time.monotonic() - stopped_s < TTL_S
