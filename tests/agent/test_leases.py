"""What a lease allows is done by one node at a time, whatever happens to the one that holds it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.agents import Agent, agents, start_all
from rigs.processes import wait_until
from rigs.raft_lab import (
    acts_in,
    assert_exclusive,
    wait_for_leader,
    wait_for_voters,
    with_writers,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TTL_S = 4.0  # the default
LEASES = {"lb-leader", "dns-writer"}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Agent]]:
    """Three agents, and in each an actor that acts on what its node holds."""
    with agents(tmp_path, 3, settings={"raft": {"bootstrap_expect": 3}}, start=False) as nodes:
        with_writers(nodes, tmp_path / "acts")
        start_all(nodes)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        wait_until(
            lambda: holders(tmp_path) == {wait_for_leader(nodes).name},
            timeout_s=10,
            what="the leader to act",
        )
        yield nodes


def holders(directory: Path) -> set[str]:
    """Return who acted last on each lease, if all were acted on."""
    latest = {act.lease: act.node for act in acts_in(directory / "acts")}
    return set(latest.values()) if latest.keys() == LEASES else set()


def signal_all(agent: Agent, number: signal.Signals) -> None:
    for process_id in agent.process_ids():
        os.kill(process_id, number)


@pytest.mark.scenario(6)
def test_frozen_holder_writes_nothing_with_its_old_token_when_it_wakes(
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


def test_holder_that_ends_in_peace_has_a_successor_at_once(
    three: list[Agent], tmp_path: Path
) -> None:
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
def test_death_of_any_one_process_of_the_holder_leaves_no_two_holders(
    three: list[Agent], tmp_path: Path, actor: str
) -> None:
    old = wait_for_leader(three)
    before = len(acts_in(tmp_path / "acts"))
    os.kill(old.process_id_of(actor), signal.SIGKILL)

    wait_until(
        lambda: len(acts_in(tmp_path / "acts")) > before + 200, timeout_s=30, what="acts to go on"
    )
    assert_exclusive(acts_in(tmp_path / "acts"))
