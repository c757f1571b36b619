"""Members of Raft in virtual time: one cluster begins by itself, grows and heals."""

from __future__ import annotations

from random import Random

import pytest

from messages.raft_member import OrderAction, RaftOffer
from tests.simulation.members import SLOW, Members, names, started

ORDERS: list[OrderAction] = ["transfer", "demote"]


# Beginning.


@pytest.mark.scenario(12)
@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("crash_chance", [0.0, 0.02, 0.1])
def test_nodes_that_start_together_become_one_cluster(
    sim_seed: int, count: int, crash_chance: float
) -> None:
    net = Members(seed=sim_seed, names=names(count), expect=3, loss=0.05)
    net.start_over(net.random.choice([0.0, 3.0, 8.0]))
    net.crash_chance = crash_chance
    for _ in range(8):
        net.run(net.random.uniform(0.5, 4.0))
        if crash_chance:
            net.start()
    net.heal()

    assert net.run(60, until=net.all_are_members)
    assert len(net.checks.deciding_clusters) == 1


@pytest.mark.scenario(12)
@pytest.mark.parametrize("count", [4, 5])
def test_cluster_begins_whenever_its_initiator_dies_for_good(sim_seed: int, count: int) -> None:
    net = Members(seed=sim_seed, names=names(count), expect=3, loss=0.1)
    net.start()
    asks = net.nodes["n1"]
    assert net.run(20, until=lambda: bool(asks.disk.identity.promised_to))
    if net.random.random() < 0.5:  # at the very moment that it begins the cluster, or about then
        net.run(20, until=lambda: bool(asks.disk.identity.cluster_id))
        net.run(net.random.uniform(0, 0.1))
    else:
        net.run(net.random.uniform(0, 2))
    net.kill("n1")
    net.loss = 0.0

    assert net.run(60, until=net.all_are_members)


@pytest.mark.scenario(12)
def test_split_during_bootstrap_makes_no_second_cluster(sim_seed: int) -> None:
    net = Members(seed=sim_seed, names=names(5), expect=3, loss=0.1)
    net.start()
    assert net.run(20, until=lambda: bool(net.nodes["n2"].disk.identity.promised_to))
    net.run(net.random.uniform(0, 1.5))
    net.split(["n1", "n3"], ["n2", "n4", "n5"])
    net.run(60)  # long enough for each side to take the other to be gone

    net.heal()

    assert net.run(60, until=net.all_are_members)
    assert len(net.checks.deciding_clusters) == 1


@pytest.mark.scenario(12)
def test_others_wait_for_the_node_that_began_the_cluster_and_is_unreachable(sim_seed: int) -> None:
    net = Members(seed=sim_seed, names=names(3), expect=3)
    net.start()
    asks = net.nodes["n1"]
    assert net.run(20, until=lambda: bool(asks.disk.identity.cluster_id))
    net.kill("n1")
    net.run(60)  # long enough for others to take it to be gone

    net.start()

    assert net.run(30, until=net.all_are_members)
    assert len(net.checks.deciding_clusters) == 1


@pytest.mark.scenario(12)
def test_promise_to_a_cluster_that_began_binds_through_two_later_offers(sim_seed: int) -> None:
    priorities = {"n1": 1, "n4": 2, "n2": 3, "n3": 3, "n5": 9}
    net = Members(seed=sim_seed, names=names(5), expect=3, priorities=priorities)
    net.start("n1", "n2", "n3")
    asks = net.nodes["n1"]
    assert net.run(20, until=lambda: bool(asks.disk.identity.cluster_id))
    net.split(["n1"], ["n2", "n3", "n4", "n5"])  # n1 has begun n1-n2-n3, and nobody knows yet
    net.drops = lambda to, message: isinstance(message, RaftOffer) and to == "n2"
    net.start("n4", "n5")
    # n4 offers n4-n2-n3: with n2 and n3 the earlier cluster loses its majority, so n3 promises.
    assert net.run(40, until=lambda: net.nodes["n3"].disk.identity.promised_by == "n4")
    net.split(["n1", "n2"], ["n3", "n4", "n5"])

    # n1 and n2 decide, so n3 must refuse when n4 offers anew, now n4-n3-n5.
    net.run(60)
    assert len(net.checks.deciding_clusters) == 1
    net.heal()

    assert net.run(60, until=net.all_are_members)
    assert len(net.checks.deciding_clusters) == 1


def test_offer_that_was_dropped_for_a_better_one_blocks_no_node(sim_seed: int) -> None:
    net = Members(seed=sim_seed, names=names(4), expect=3, loss=0.3)
    net.start("n2", "n3", "n4")
    assert net.run(30, until=lambda: net.nodes["n3"].disk.identity.promised_by == "n2")

    net.start("n1")

    net.run(5)
    net.loss = 0.0
    assert net.run(30, until=net.all_are_members)
    assert len(net.checks.deciding_clusters) == 1


@pytest.mark.scenario(12)
def test_two_clusters_that_meet_do_not_merge_and_report_it(sim_seed: int) -> None:
    net = Members(seed=sim_seed, names=names(6), expect=3)
    here, there = net.nodes.keys() - {"n4", "n5", "n6"}, ["n4", "n5", "n6"]
    net.split(sorted(here), there)
    net.start()
    assert net.run(30, until=lambda: len(net.checks.deciding_clusters) == 2)
    net.run(5)

    net.heal()
    net.run(30)

    ids = {one.name: one.member.identity.cluster_id for one in net.up}
    assert len({ids[name] for name in here}) == len({ids[name] for name in there}) == 1
    assert len(set(ids.values())) == 2
    for one in net.up:
        assert one.member.configuration.voters == (here if one.name in here else set(there))
        assert "they do not merge" in net.condition(one.name).why


@pytest.mark.scenario(12)
def test_node_with_old_state_keeps_others_from_beginning_another_cluster(sim_seed: int) -> None:
    net = started(sim_seed, 3)
    net.lose_disk("n2")
    net.lose_disk("n3")
    net.start()
    net.run(60)

    (cluster_id,) = net.checks.deciding_clusters
    assert "no quorum" in net.condition("n1").why
    assert (
        net.condition("n2").why == f"cluster {cluster_id} exists: its leader has to add this node"
    )


# Members.


@pytest.mark.scenario(11)
def test_cluster_grows_by_nodes_that_appear_learners_first(sim_seed: int) -> None:
    net = Members(seed=sim_seed, names=names(5), expect=1, loss=0.02)
    net.begin_none("n2", "n3", "n4", "n5")
    net.start("n1")
    assert net.run(10, until=lambda: net.voters == {"n1"})

    net.start("n2")
    assert net.run(15, until=lambda: net.learners == {"n2"})
    net.run(15)
    assert net.voters == {"n1"}  # two would survive no more than one does
    net.start("n3")
    assert net.run(15, until=lambda: net.voters == {"n1", "n2", "n3"})
    net.start("n4", "n5")
    assert net.run(30, until=lambda: net.voters == set(names(5)))
    assert len(net.checks.deciding_clusters) == 1


@pytest.mark.scenario(11)
def test_removed_node_stays_out_until_it_is_added(sim_seed: int) -> None:
    net = started(sim_seed, 5)
    assert net.run(30, until=lambda: len(net.voters) == 5)
    old = net.leader
    unreachable = next(name for name in net.nodes if name != old)

    assert net.obeyed("remove", old, at=old)
    assert net.run(10, until=lambda: net.leader not in {"", old})
    net.kill(unreachable)
    assert net.run(10, until=lambda: net.leader not in {"", unreachable})
    assert net.obeyed("remove", unreachable)
    net.start(unreachable)
    net.run(30)

    assert (net.voters | net.learners).isdisjoint({old, unreachable})
    assert "an operator has removed this node" in net.condition(old).why
    assert net.obeyed("add", old, at=next(n for n in net.voters if n != net.leader))
    assert net.run(20, until=lambda: old in net.voters | net.learners)


@pytest.mark.scenario(11)
def test_voter_that_lost_its_disk_joins_again_and_nothing_is_lost(sim_seed: int) -> None:
    net = started(sim_seed, 3)
    assert net.run(20, until=lambda: len(net.voters) == 3)
    lost = net.random.choice(sorted(net.voters))
    other = net.random.choice(sorted(net.voters - {lost}))
    net.split([other], [name for name in net.nodes if name != other])
    net.run(5)
    net.life(net.leader).propose(b"kept by two of three")
    assert net.run(3, until=lambda: _is_applied(net, b"kept by two of three"))

    net.lose_disk(lost)
    net.start()
    net.groups = []
    net.run(net.random.uniform(0, 5))
    net.kill(net.random.choice(sorted(net.nodes)))  # the one that is left may be the only one
    net.run(net.random.uniform(0, 10))
    net.start()

    assert net.run(90, until=lambda: net.all_are_members() and len(net.voters) == 3)
    net.life(net.leader).propose(b"goes on")
    assert net.run(3, until=lambda: _is_applied(net, b"goes on"))


def test_voter_that_lost_its_disk_elects_no_leader_without_its_former_entries(
    sim_seed: int,
) -> None:
    net = started(sim_seed, 3)
    assert net.run(20, until=lambda: len(net.voters) == 3)
    net.run(3)
    old = net.leader
    behind, lost = net.random.sample(sorted(net.voters - {old}), 2)
    net.split([behind], [old, lost])
    net.life(old).propose(b"kept by two of three")
    assert net.run(3, until=lambda: _is_applied(net, b"kept by two of three"))

    net.lose_disk(lost)
    net.start(lost)
    net.loss = 0.5
    net.run(net.random.uniform(0, 0.6))  # it hears of the leader, which has no majority now
    net.kill(old)
    net.groups, net.loss = [], 0.0

    assert not net.run(20, until=lambda: bool(net.leader))
    net.start(old)
    assert net.run(60, until=lambda: net.all_are_members() and len(net.voters) == 3)


def _is_applied(net: Members, data: bytes) -> bool:
    return any(entry.data == data for entry in net.checks.applied.values())


def test_any_faults_are_survived_by_members(sim_seed: int) -> None:
    net = Members(seed=sim_seed, names=names(5), expect=3, loss=0.03)
    net.crash_chance = 0.002
    net.start_over(5)
    random = Random(sim_seed)
    for number in range(20):
        net.run(random.uniform(0.2, 6))
        _disturb(net, random)
        if net.leader:
            net.life(net.leader).propose(b"%d" % number)
    net.heal()

    assert net.run(120, until=net.all_are_members)


@pytest.mark.scenario(9)
def test_disks_that_fail_and_work_again_lose_no_promise(sim_seed: int) -> None:
    net = Members(seed=sim_seed, names=names(4), expect=3, loss=0.03)
    net.save_failure_chance = 0.1
    net.start_over(5)
    for number in range(20):
        net.run(net.random.uniform(0.2, 3))
        if net.leader:
            net.life(net.leader).propose(b"%d" % number)
    assert net.checks.save_failures
    net.heal()

    assert net.run(120, until=net.all_are_members)
    assert len(net.checks.deciding_clusters) == 1


def _disturb(net: Members, random: Random) -> None:
    one, other = random.sample(sorted(net.nodes), 2)
    match random.randrange(8):
        case 0 | 1:
            net.kill(one)
        case 2 | 3 | 4:
            net.start()
        case 5:
            # Fewer than half, so that those that are of no cluster yet cannot begin two.
            net.split([one, other], sorted(net.nodes.keys() - {one, other}))
        case 6:
            net.groups = []
        case _:
            if net.leader:
                net.order(random.choice(ORDERS), one, at=net.leader)


def test_unreachable_voter_is_replaced_and_after_days_removed(
    sim_seed: int,
) -> None:
    net = Members(seed=sim_seed, names=names(4), expect=3, raft=SLOW, tick_s=1.0)
    net.start()
    assert net.run(60, until=lambda: len(net.voters) == 3 and len(net.learners) == 1)
    away = next(name for name in net.voters if name != net.leader)
    (spare,) = net.learners
    net.kill(away)

    net.run(200)
    assert away in net.voters
    assert net.run(200, until=lambda: spare in net.voters and net.learners == {away})
