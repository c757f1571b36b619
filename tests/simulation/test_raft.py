"""Raft and leases in virtual time: safe under any faults, live when they end."""

from __future__ import annotations

from functools import partial

import pytest

from constellation.raft.configuration import ChangeKind
from tests.simulation.raft_chaos import disturbed, settles
from tests.simulation.raft_leases import FOLLOWING
from tests.simulation.raft_network import RaftNetwork

ELECTION_TIMEOUTS_S = 3 * 2.0  # three times the longest wait of who is most preferred


@pytest.mark.scenario(5)
def test_any_faults_are_survived(sim_seed: int) -> None:
    net = disturbed(sim_seed)

    settles(net)


@pytest.mark.scenario(1)
def test_leader_is_replaced_and_nothing_committed_is_lost(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=3)
    killed = net.wait_for_leader()
    net.members[killed].write(b"kept")
    net.run(1)
    net.kill(killed)

    assert net.run(ELECTION_TIMEOUTS_S, until=lambda: net.leader not in {"", killed})
    committed = net.wait_for_leader()
    assert b"kept" in {entry.data for entry in net.checks.applied.values()}
    net.start(killed)
    assert net.run(3, until=lambda: _is_prefix_equal(net, committed))


def _is_prefix_equal(net: RaftNetwork, leader: str) -> bool:
    state = net.members[leader].raft.state
    return all(
        one.raft.state.log.last_index == state.log.last_index
        and one.raft.state.log.last_term == state.log.last_term
        for one in net.members.values()
    )


@pytest.mark.scenario(2)
def test_leader_in_a_minority_steps_down_and_acts_on_no_lease(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=5)
    old = net.wait_for_leader()
    net.run(3)
    assert net.members[old].keeper.held.keys() >= set(FOLLOWING)
    partner = next(name for name in net.names if name != old)
    net.isolate([old, partner])

    timeout_s = net.policy.election_timeout_s
    slack_s = net.policy.heartbeat_interval_s * 2
    stepped_down = net.run(
        timeout_s + slack_s, until=lambda: net.members[old].raft.leadership is None
    )

    assert stepped_down
    net.run(0.1)  # for the message from one actor to the other
    assert not net.members[old].keeper.held.keys() & set(FOLLOWING)
    assert net.run(10, until=lambda: _holds_all(net, net.leader))
    assert net.leader not in {old, partner}


def _holds_all(net: RaftNetwork, name: str) -> bool:
    return name in net.members and net.members[name].keeper.held.keys() >= set(FOLLOWING)


@pytest.mark.scenario(3)
@pytest.mark.parametrize("blocked", ["to leader", "from leader", "ring", "one link"])
def test_one_way_partitions_do_not_stop_elections_for_long(sim_seed: int, blocked: str) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=5)
    leader = net.wait_for_leader()
    others = [name for name in net.names if name != leader]
    net.cuts = {
        "to leader": {(name, leader) for name in others},
        "from leader": {(leader, name) for name in others},
        "ring": {(net.names[n], net.names[n - 1]) for n in range(5)},
        "one link": {(leader, others[0]), (others[1], others[0])},
    }[blocked]
    commits = max(net.checks.applied)

    for _ in range(6):  # within any ten seconds something is committed
        assert net.run(10, until=partial(_has_more_than, net, commits)), blocked
        commits = max(net.checks.applied)
        if net.leader:
            net.propose(net.leader, b"go on")


def _has_more_than(net: RaftNetwork, commits: int) -> bool:
    return max(net.checks.applied) > commits


@pytest.mark.scenario(4)
def test_isolated_node_comes_back_without_disturbing(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=5)
    leader = net.wait_for_leader()
    lonely = next(name for name in net.names if name != leader)
    net.run(2)
    net.isolate([lonely])
    net.run(120)
    assert net.leader == leader
    term = net.leading.raft.state.term

    net.cuts.clear()
    net.run(30)

    assert net.leader == leader
    assert {one.raft.state.term for one in net.members.values()} == {term}


@pytest.mark.scenario(7)
def test_clocks_that_differ_by_hours_and_drift_change_nothing(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=3)
    net.set_clocks({name: (3600.0 * 100 * at, 1 + at * 0.005) for at, name in enumerate(net.names)})
    leader = net.wait_for_leader()
    net.run(60)

    assert net.leader == leader
    assert net.members[leader].keeper.held.keys() >= set(FOLLOWING)


@pytest.mark.scenario(8)
def test_crash_between_persisting_and_answering_a_vote_gives_no_second_one(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=3)
    net.crash_chance = 0.2
    for number in range(40):
        if net.leader:
            net.propose(net.leader, f"{number}".encode())
        net.run(2)
        net.start_all()

    assert net.checks.counts["crashes"] > 10
    assert net.checks.votes
    settles(net)


@pytest.mark.scenario(10)
def test_snapshot_reaches_a_node_far_behind_while_the_leader_changes(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=5)
    leader = net.wait_for_leader()
    behind = next(name for name in net.names if name != leader)
    net.kill(behind)
    for number in range(12):
        net.propose(net.leader, *(f"{number}.{n}".encode() for n in range(8)))
        net.run(0.5)
    assert net.leading.raft.state.log.snapshot_index > 8
    net.start(behind)
    net.run(0.03)  # a chunk or two are on their way
    net.kill(net.leader)

    net.wait_for_leader()
    index = net.leading.raft.state.commit_index
    assert net.run(10, until=lambda: net.members[behind].raft.state.applied_index >= index)
    assert net.checks.counts["installs"]


@pytest.mark.scenario(11)
def test_cluster_grows_and_loses_its_leader_and_an_unreachable_node(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=1, spares=4)
    net.wait_for_leader()
    for name in net.names[1:]:
        assert net.run(3, until=partial(_changes, net, "add_learner", name))
        # Not before it holds the log.
        assert not net.leading.change("promote", name)
        assert net.run(10, until=partial(_changes, net, "promote", name))
    assert net.run(5, until=lambda: len(net.leading.raft.state.committed_configuration.voters) == 5)

    old = net.leader
    assert net.leading.change("remove", old)
    assert net.run(10, until=lambda: net.leader not in {"", old})
    net.wait_for_leader()
    unreachable = next(name for name in net.names if name not in {old, net.leader})
    net.kill(unreachable)
    assert net.run(5, until=lambda: net.leading.change("remove", unreachable))

    net.run(5)
    voters = net.leading.raft.state.committed_configuration.voters
    assert voters == set(net.names) - {old, unreachable}
    assert not net.members[old].raft.leadership


def _changes(net: RaftNetwork, kind: ChangeKind, name: str) -> bool:
    return net.leading.change(kind, name)


def test_leadership_is_handed_over_within_a_round_trip_or_two(sim_seed: int) -> None:
    net = RaftNetwork(seed=sim_seed, nodes=3)
    leader = net.wait_for_leader()
    net.run(1)
    to = next(name for name in net.names if name != leader)

    assert net.members[leader].transfer(to)

    assert net.run(0.3, until=lambda: net.leader == to)
