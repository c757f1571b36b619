"""A voter that comes back with an older state of Raft does not vote before it has learned again."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from constellation.raft.fallen_back import SHOWN_S, FallenBack
from constellation.raft.roster import RosterNode
from constellation.raft.steward import Steward
from tests.simulation.members import Members, started


def three_voters(seed: int) -> Members:
    net = started(seed, 3)
    for number, node in enumerate(net.nodes.values(), 1):
        node.said = replace(node.said, address=f"10.0.0.{number}")
    assert net.run(20, until=lambda: len(net.voters) == 3)
    net.run(3)
    return net


def goes_on(net: Members, what: bytes) -> None:
    net.life(net.leader).propose(what)
    assert net.run(
        5, until=lambda: any(entry.data == what for entry in net.checks.applied.values())
    )


def exchange_disk(net: Members, name: str, disk: object) -> None:
    """Kill a node, and give it a copy of the disk that it once had."""
    net.kill(name)
    node = net.nodes[name]
    node.disk, node.disk_life = disk, node.disk_life + 1  # type: ignore[assignment]


def learns_again(net: Members, name: str) -> None:
    assert net.run(30, until=lambda: bool(net.leader) and name not in net.voters), "it still votes"
    leader = net.life(net.leader)
    (trouble,) = leader.member.fallen_back.troubles(net.now_s)
    assert trouble.subject == name
    assert net.run(60, until=lambda: net.all_are_members() and len(net.voters) == 3)
    assert "raft_fell_back" in leader.events


@pytest.mark.case("S9")
def test_voter_on_an_old_copy_of_its_disk_learns_again_before_it_votes(sim_seed: int) -> None:
    net = three_voters(sim_seed)
    name = net.random.choice(sorted(net.voters - {net.leader}))
    copy = net.nodes[name].disk
    for number in range(5):
        goes_on(net, b"entry %d" % number)
    net.run(1)

    exchange_disk(net, name, copy)
    net.start(name)

    learns_again(net, name)
    goes_on(net, b"and on")


@pytest.mark.case("S9")
def test_copy_of_the_leader_on_another_host_learns_again_before_it_votes(sim_seed: int) -> None:
    net = three_voters(sim_seed)
    name = net.leader
    copy = net.nodes[name].disk
    goes_on(net, b"later than the copy")

    exchange_disk(net, name, copy)
    assert net.run(20, until=lambda: net.leader not in ("", name))
    net.run(5)
    net.nodes[name].said = replace(net.nodes[name].said, address="10.0.0.99")
    net.start(name)

    learns_again(net, name)
    goes_on(net, b"and on")


def test_planted_fault_of_a_copy_that_goes_on_voting_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Steward, "_fallen_back", lambda *_: None)

    with pytest.raises(AssertionError, match="it still votes"):
        test_voter_on_an_old_copy_of_its_disk_learns_again_before_it_votes(1)


def test_voter_that_was_only_restarted_goes_on_voting() -> None:
    net = three_voters(1)
    name = sorted(net.voters - {net.leader})[0]
    goes_on(net, b"one")

    net.kill(name)
    net.run(3)
    net.start(name)
    net.run(20)

    assert len(net.voters) == 3
    assert net.life(net.leader).member.fallen_back.troubles(net.now_s) == ()


def test_fall_is_shown_for_an_hour() -> None:
    fallen = FallenBack("a")
    roster = {"b": RosterNode(True, address="10.0.0.2")}
    fallen.watch(roster, {"a", "b"})
    fallen.watch({"b": RosterNode(True, address="10.0.0.9")}, {"a", "b"})
    assert set(fallen.waiting) == {"b"}

    fallen.show(100.0)
    fallen.watch(roster, {"a"})  # it votes no longer

    assert fallen.waiting == {}
    assert "10.0.0.9; it was at 10.0.0.2" in fallen.troubles(100.0 + SHOWN_S)[0].why
    assert fallen.troubles(101.0 + SHOWN_S) == ()


def test_follower_forgets_a_fall_of_which_another_leader_has_taken_care(sim_seed: int) -> None:
    net = three_voters(sim_seed)
    name, other = sorted(net.voters - {net.leader})
    node = net.nodes[name]
    node.said = replace(node.said, address="10.0.0.9")

    learns_again(net, name)

    assert net.life(other).member.fallen_back.waiting == {}
