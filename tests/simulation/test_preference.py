"""Who leads, of those that can: the preferred node, hardly ever a witness, nobody alone."""

from __future__ import annotations

import pytest

from tests.simulation.members import SLOW, Members, names, started


def preferring(seed: int, *, witnesses: tuple[str, ...] = ()) -> Members:
    """Return three nodes of which n1 is preferred, then n2."""
    return Members(
        seed=seed,
        names=names(3),
        expect=3,
        priorities={"n1": 10, "n2": 20, "n3": 30},
        witnesses=witnesses,
    )


@pytest.mark.scenario(13)
def test_preferred_node_leads_within_a_minute_of_its_return(sim_seed: int) -> None:
    net = preferring(sim_seed)
    net.start()
    assert net.run(60, until=lambda: net.leader == "n1")
    net.run(5)
    net.kill("n1")
    assert net.run(10, until=lambda: net.leader in {"n2", "n3"})
    net.run(20)

    net.start("n1")

    net.run(25)
    assert net.leader != "n1"
    assert net.run(35, until=lambda: net.leader == "n1")


@pytest.mark.scenario(13)
def test_preferred_node_leads_as_soon_as_it_is_stable_whoever_led_meanwhile(sim_seed: int) -> None:
    net = preferring(sim_seed)
    net.start()
    assert net.run(60, until=lambda: net.leader == "n1")
    net.kill("n1")
    assert net.run(10, until=lambda: net.leader in {"n2", "n3"})
    net.run(1)

    net.start("n1")

    assert net.run(45, until=lambda: net.leader == "n1")


@pytest.mark.scenario(13)
def test_preferred_node_leads_again_though_its_vote_was_given_to_another(sim_seed: int) -> None:
    net = Members(
        seed=sim_seed,
        names=names(4),
        expect=3,
        priorities={"n1": 10},
        raft=SLOW,
        tick_s=0.5,
    )
    net.start()
    assert net.run(60, until=lambda: net.leader == "n1" and net.learners == {"n4"})
    net.kill("n1")
    assert net.run(400, until=lambda: net.voters == {"n2", "n3", "n4"})

    net.start("n1")

    assert net.run(60, until=lambda: net.leader == "n1")
    assert net.run(10, until=lambda: len(net.voters) == 3)
    changes = len(net.checks.leader_changes)
    net.run(300)
    assert len(net.checks.leader_changes) == changes


@pytest.mark.scenario(13)
def test_preferred_node_that_comes_and_goes_causes_few_changes_of_leader() -> None:
    net = Members(
        seed=0,
        names=names(3),
        expect=3,
        priorities={"n1": 10, "n2": 20, "n3": 30},
        raft=SLOW,
        tick_s=0.5,
    )
    net.start()
    assert net.run(120, until=lambda: net.leader == "n1")
    before = len(net.checks.leader_changes)

    for _ in range(30):
        net.run(100)
        net.kill("n1")
        net.run(20)
        net.start("n1")

    first_half = [at_s for at_s, _ in net.checks.leader_changes if at_s < 1800]
    assert len(net.checks.leader_changes) - before <= 10
    assert len(net.checks.leader_changes) - len(first_half) <= 2
    assert net.run(1800, until=lambda: net.leader == "n1")


@pytest.mark.scenario(14)
def test_one_of_two_voters_reports_that_there_is_no_quorum(sim_seed: int) -> None:
    net = started(sim_seed, 2, expect=2)
    net.kill("n2" if net.random.random() < 0.5 else "n1")
    (left,) = net.up

    net.run(15)

    assert not net.leader
    assert "no quorum: 1 of 2 voters are up, 2 are needed" in net.condition(left.name).why
    left.read(1)
    net.run(3)
    assert left.reads == {1: False}


def test_witness_leads_only_while_no_other_can(sim_seed: int) -> None:
    net = preferring(sim_seed, witnesses=("n1",))  # its priority does not matter
    net.start()
    assert net.run(60, until=lambda: net.leader == "n2")
    net.run(3)
    net.kill("n2")
    assert net.run(6, until=lambda: net.leader == "n3")
    assert {who for _, who in net.checks.leader_changes} <= {"n2", "n3"}

    net.start("n2")
    net.run(5)
    net.kill("n2")  # it misses what follows
    net.life("n3").propose(b"only n3 and the witness have it")
    net.run(3)
    net.kill("n3")
    net.start("n2")

    assert net.run(10, until=lambda: net.leader == "n1")
    assert net.run(6, until=lambda: net.leader == "n2")


def test_witness_alone_does_not_lead(sim_seed: int) -> None:
    net = preferring(sim_seed, witnesses=("n1",))
    net.start()
    assert net.run(60, until=lambda: net.leader == "n2")
    net.kill("n2", "n3")

    net.run(15)

    assert not net.leader
    assert net.condition("n1").why.startswith("no quorum: 1 of 3 voters")


def test_node_that_ends_hands_leadership_over_within_round_trips(sim_seed: int) -> None:
    net = started(sim_seed, 3)
    assert net.run(20, until=lambda: len(net.voters) == 3)
    net.run(2)
    old = net.leader

    net.life(old).begin_to_yield()

    assert net.run(0.3, until=lambda: net.leader not in {"", old})
