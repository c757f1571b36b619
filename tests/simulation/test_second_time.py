"""Sequences that happen to a whole cluster twice: absences, leaves, lives, name conflicts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.incarnation import saved_life
from constellation.gossip.policy import GossipPolicy, StatePolicy
from constellation.gossip.record_codec import value_of
from messages.gossip import RecordPublish
from messages.monitor import ServiceState
from tests.simulation.network import SimNetwork
from tests.simulation.test_gossip_cluster import (
    IPS,
    cluster,
    equal,
    publish,
    services,
    states,
    whole,
)

EXPIRY_S = 60.0
SHORT = GossipPolicy(state=StatePolicy(expiry_s=EXPIRY_S))
FIRST, LAST = IPS[0], IPS[3]
NAME = "n4"  # of the last node


def started(seed: int) -> SimNetwork:
    net = SimNetwork(seed=seed, trip_s=0.002)
    cluster(net, IPS[:4], SHORT)
    for ip in IPS[:4]:
        publish(net, ip, "web")
    assert net.run(30, until=lambda: equal(net))
    return net


def come_back(net: SimNetwork, life: int) -> None:
    """Start the last node again, and publish its service."""
    net.start(NAME, LAST, FIRST, IPS[1], policy=SHORT, life=life)
    publish(net, LAST, "web")
    assert net.run(20, until=lambda: equal(net))


def all_others(net: SimNetwork, holds: Callable[[GossipNode], bool]) -> bool:
    return all(holds(node) for ip, node in net.nodes.items() if ip != LAST)


def is_dead(node: GossipNode) -> bool:
    return states(node).get(NAME) == "dead"


@pytest.mark.scenario(19)
@pytest.mark.parametrize("seed", range(3))
def test_records_outlive_a_second_absence_that_is_shorter_than_the_expiry(seed: int) -> None:
    net = started(seed)
    life = net.nodes[LAST].highest_incarnation
    for _ in range(2):
        net.kill(LAST)
        net.run(EXPIRY_S - 5)
        assert all_others(net, lambda node: (NAME, "web") in services(node))
        life = saved_life(life)
        come_back(net, life)

    net.kill(LAST)
    net.run(EXPIRY_S + 20)
    assert all_others(net, lambda node: (NAME, "web") not in services(node))


@pytest.mark.scenario(19)
@pytest.mark.parametrize("seed", range(3))
def test_partitions_longer_than_the_expiry_lose_no_record_for_good(seed: int) -> None:
    net = started(seed)
    for _ in range(2):
        net.split({LAST}, set(IPS[:3]))
        net.run(EXPIRY_S + 90)  # the isolated node detects the last death late
        assert all_others(net, lambda node: (NAME, "web") not in services(node))
        assert services(net.nodes[LAST]) == {(NAME, "web")}
        net.heal()

        assert net.run(60, until=lambda: equal(net))
        assert all(len(services(node)) == 4 for node in net.nodes.values())


@pytest.mark.scenario(18)
def test_all_nodes_see_a_leave_a_return_and_a_second_leave() -> None:
    net = started(1)
    life = net.nodes[LAST].highest_incarnation
    for _ in range(3):
        net.perform(LAST, net.nodes[LAST].leave(net.now_s))
        assert net.run(5, until=lambda: net.nodes[LAST].has_left)
        net.kill(LAST)
        assert net.run(
            5, until=lambda: all_others(net, lambda node: states(node).get(NAME) == "left")
        )
        life = saved_life(life)
        come_back(net, life)

    assert [note.event for _, _, note in net.notes if note.event == "member_failed"] == []


@pytest.mark.parametrize("seed", range(3))
def test_second_death_is_detected_as_soon_as_the_first(seed: int) -> None:
    net = started(seed)
    life = net.nodes[LAST].highest_incarnation
    for _ in range(3):
        net.kill(LAST)
        assert net.run(15, until=lambda: all_others(net, is_dead))
        life = saved_life(life)
        come_back(net, life)


def test_forgotten_member_joins_again_and_dies_again() -> None:
    net = started(1)
    life = net.nodes[LAST].highest_incarnation
    for _ in range(2):
        net.kill(LAST)
        assert net.run(15, until=lambda: all_others(net, is_dead))
        net.run(2 * SHORT.swim.dead_gossip_s + 10)
        assert all_others(net, lambda node: NAME not in states(node))
        life = saved_life(life)
        come_back(net, life)


@pytest.mark.scenario(18)
@pytest.mark.parametrize("seed", range(5))
def test_node_from_a_restored_backup_wins_over_the_records_of_its_later_lives(seed: int) -> None:
    """Its new life uses the incarnation and the counters of the life after the backup."""
    net = started(seed)
    backup = net.nodes[LAST].highest_incarnation
    for instance in ("after the backup", "restored"):
        net.kill(LAST)
        net.run(net.random.uniform(0, 20))
        node = net.start(NAME, LAST, FIRST, IPS[1], policy=SHORT, life=saved_life(backup))
        state = ServiceState(service="web", health="healthy", source="static", instance=instance)
        message = RecordPublish(service_states=(state,))
        net.perform(LAST, node.publish(message, net.now_s))
        assert net.run(40, until=lambda: equal(net))
        net.run(5)
        assert equal(net)

        told = {instance_at(one) for one in net.nodes.values()}
        assert told == {instance}


def instance_at(node: GossipNode) -> str:
    (stored,) = [one for one in node.state.table if one.record.node == NAME]
    value = value_of(stored.record)
    assert isinstance(value, ServiceState)
    return value.instance


@pytest.mark.scenario(18)
def test_two_nodes_of_one_name_keep_their_sides_after_a_partition() -> None:
    net = SimNetwork(seed=1)
    net.split(set(IPS[:2]), {IPS[2], LAST})
    net.start("n1", IPS[0], IPS[1])
    net.start("same", IPS[1], IPS[0], key="one")
    net.start("n3", IPS[2], LAST)
    net.start("same", LAST, IPS[2], key="other")
    publish(net, IPS[1], "one")
    publish(net, LAST, "other")
    net.run(10)
    for ip in (IPS[0], IPS[2]):
        net.nodes[ip].set_seeds(tuple(net.nodes[other].address for other in (IPS[0], IPS[2])))
    net.heal()
    net.run(130)

    # Each side keeps its own node of that name, and all nodes log the conflict.
    held = {}
    for ip in (IPS[0], IPS[2]):
        member = net.nodes[ip].swim.members.get("same")
        assert member is not None
        held[ip] = (member.state, member.address.ip)
    assert held == {IPS[0]: ("alive", IPS[1]), IPS[2]: ("alive", LAST)}
    complaints = [ip for _, ip, note in net.notes if note.event == "member_name_conflict"]
    assert set(complaints) == set(IPS[:4])
    assert all(complaints.count(ip) <= 3 for ip in IPS[:4])  # at most once a minute
    # Each side has the records that its own node has signed.
    assert ("same", "one") in services(net.nodes[IPS[0]])
    assert ("same", "other") in services(net.nodes[IPS[2]])
    assert ("same", "other") not in services(net.nodes[IPS[0]])

    # Once one of them has ended, the other has the name everywhere.
    net.kill(IPS[1])
    assert net.run(
        120,
        until=lambda: all(
            (member := node.swim.members.get("same")) is not None
            and (member.state, member.address.ip) == ("alive", LAST)
            for node in net.nodes.values()
        ),
    )
    assert net.run(60, until=lambda: whole(net))
