"""Batches of records: they reach all nodes soon, and are not sent repeatedly."""

from __future__ import annotations

import pytest

from constellation.gossip import catch_up
from constellation.gossip.outbox import OpenPushPull
from constellation.gossip.troubles import troubles_of
from messages.gossip import RecordPublish
from messages.monitor import ServiceState
from tests.simulation.network import SimNetwork

NODES, SERVICES_EACH = 12, 50


def publish_all(net: SimNetwork) -> None:
    for number, ip in enumerate(list(net.nodes)):
        states = tuple(
            ServiceState(
                service=f"s{number}-{index}", health="healthy", source="docker", instance="x" * 200
            )
            for index in range(SERVICES_EACH)
        )
        net.perform(ip, net.nodes[ip].publish(RecordPublish(service_states=states), net.now_s))


def started(seed: int) -> SimNetwork:
    net = SimNetwork(seed=seed, trip_s=0.002)
    ips = [f"10.0.0.{number}" for number in range(1, NODES + 1)]
    for ip in ips:
        net.start(f"n{ip}", ip, ips[0])
    net.run(10)
    return net


def is_equal(net: SimNetwork) -> bool:
    digests = [node.state.table.digests() for node in net.nodes.values()]
    return all(one == digests[0] and len(one) == NODES for one in digests)


@pytest.mark.parametrize("seed", range(3))
def test_batch_of_records_reaches_all_nodes_soon(seed: int) -> None:
    net = started(seed)
    before, began_s = net.bytes_sent.total(), net.now_s

    publish_all(net)

    assert net.run(5, until=lambda: is_equal(net))
    assert net.now_s - began_s < 2.0
    net.run(20)  # until no broadcast of it is left
    state_bytes = sum(len(stored.encoded) for stored in next(iter(net.nodes.values())).state.table)
    sent_each = (net.bytes_sent.total() - before) / NODES
    assert sent_each < 3 * state_bytes  # each node must receive it once, some receive parts twice


def test_small_batch_is_broadcast_without_extra_push_pulls() -> None:
    net = started(1)
    node = next(iter(net.nodes.values()))
    states = tuple(
        ServiceState(service=f"s{index}", health="healthy", source="docker", instance="x")
        for index in range(catch_up.RECORDS_MIN - 1)
    )

    node.publish(RecordPublish(service_states=states), net.now_s)

    assert not any(
        isinstance(effect, OpenPushPull) for effect in node.on_time(net.now_s + catch_up.DELAY_S)
    )


def test_member_that_takes_no_records_gets_no_extra_push_pull() -> None:
    net = started(1)
    node = next(iter(net.nodes.values()))
    others = [member.address for member in node.swim.members if member.address != node.address]
    node.swim.outbox.strangers.update(others[1:])
    states = tuple(
        ServiceState(service=f"s{index}", health="healthy", source="docker", instance="x")
        for index in range(catch_up.RECORDS_MIN)
    )
    node.publish(RecordPublish(service_states=states), net.now_s)

    asked, now_s = [], net.now_s
    for _ in range(catch_up.EXCHANGES + 2):
        now_s += catch_up.INTERVAL_S
        asked += [effect for effect in node.on_time(now_s) if isinstance(effect, OpenPushPull)]

    assert [effect.to for effect in asked] == [others[0]] * catch_up.EXCHANGES


def test_node_that_joins_has_all_records_soon_and_complains_of_none() -> None:
    """It must hear the members first: until then their records are those of strangers."""
    net = started(5)
    publish_all(net)
    assert net.run(40, until=lambda: is_equal(net))

    joined = net.start("late", "10.0.0.99", "10.0.0.1")

    assert net.run(3, until=lambda: joined.state.table.count == NODES * SERVICES_EACH)
    net.run(20)
    assert troubles_of(joined, net.now_s) == []
