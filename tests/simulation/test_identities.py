"""Identities in whole clusters in virtual time: lost keys, twins and forgers."""

from __future__ import annotations

import pytest

from constellation.gossip import packets
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.node_meta import pack_meta
from constellation.gossip.packets import Alive
from constellation.gossip.record_codec import pack_records, sign_record
from messages.gossip import ClusterChanged, NodeState, RecordPublish, StateRecord
from tests.identities import identity_of
from tests.simulation.network import SimNetwork
from tests.simulation.test_gossip_cluster import (
    IPS,
    cluster,
    equal,
    publish,
    service,
    services,
    states,
    whole,
)

STATE = NodeState(address="10.0.0.3", gossip_port=7946, actor_port=7947, priority=7)


def told(node: GossipNode) -> ClusterChanged:
    return node.snapshot(0.0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rebuilt", [IPS[2], IPS[0]], ids=["a member", "the seed of all"])
def test_node_without_its_data_directory_joins_once_its_old_life_is_dead(
    rebuilt: str, seed: int
) -> None:
    net = SimNetwork(seed=seed, trip_s=0.002)
    cluster(net, IPS[:4])
    for ip in IPS[:4]:
        publish(net, ip, "old", "same")
    assert net.run(30, until=lambda: equal(net))
    name = net.nodes[rebuilt].node_name

    net.kill(rebuilt)
    others = [] if rebuilt == IPS[0] else [IPS[0], IPS[1]]
    net.start(name, rebuilt, *others, key="made anew")
    publish(net, rebuilt, "same")

    assert net.run(45, until=lambda: whole(net))
    net.run(60)
    assert whole(net)
    assert all((name, "same") in services(node) for node in net.nodes.values())
    assert all((name, "old") not in services(node) for node in net.nodes.values())
    assert equal(net)
    # A silent node gets no acks, and must not suspect the others for it.
    suspected = {note.fields["member"] for _, _, note in net.notes if "suspected" in note.event}
    assert suspected == {name}


def test_forged_claim_and_forged_record_of_a_living_node_change_nothing() -> None:
    net = SimNetwork(seed=1)
    cluster(net, IPS[:3])
    publish(net, IPS[1], "web")
    assert net.run(10, until=lambda: equal(net))
    victim, forger = net.nodes[IPS[0]], identity_of("n3")
    before = services(victim)

    meta = pack_meta(forger.public_key)
    claim = Alive(99, "n2", Address(IPS[1], 7946).packed, 7946, meta, bytes([1, 5, 2, 0, 0, 0]))
    forged = StateRecord(
        kind="service",
        node="n2",
        key="evil",
        incarnation=99,
        counter=1,
        service_state=service("evil"),
    )
    news = pack_records([sign_record(forged, forger).encoded])
    body = packets.compound([packets.encode(claim), packets.encode(packets.User(news))])
    net.perform(IPS[0], victim.on_packet(body, Address(IPS[2], 7946), net.now_s))
    net.run(30)

    assert victim.refused == {"author": 1}
    assert states(victim) == {"n1": "alive", "n2": "alive", "n3": "alive"}
    assert all(services(node) == before for node in net.nodes.values())
    assert [ip for _, ip, note in net.notes if note.event == "member_name_conflict"] == [IPS[0]]


def test_node_state_arrives_with_the_claim_before_its_record() -> None:
    net = SimNetwork(seed=1)
    cluster(net, IPS[:3])
    assert net.run(10, until=lambda: whole(net))
    reader = net.nodes[IPS[0]]

    # The record is lost on the way; the claim is not.
    net.nodes[IPS[2]].publish(RecordPublish(node_state=STATE), net.now_s)
    member = net.nodes[IPS[2]].swim.membership.me
    claim = packets.encode(member.claim)
    net.perform(IPS[0], reader.on_packet(claim, Address(IPS[2], 7946), net.now_s))

    assert [(one.node, one.state) for one in told(reader).nodes] == [("n3", STATE)]
    assert reader.state.table.count == 0


def test_node_state_too_large_for_a_claim_arrives_as_a_record() -> None:
    net = SimNetwork(seed=1)
    cluster(net, IPS[:3])
    large = STATE.model_copy(update={"capabilities": tuple(f"capability-{n}" for n in range(60))})

    net.perform(IPS[2], net.nodes[IPS[2]].publish(RecordPublish(node_state=large), net.now_s))
    assert net.run(10, until=lambda: equal(net))

    assert [(one.node, one.state) for one in told(net.nodes[IPS[0]]).nodes] == [("n3", large)]


def test_changed_node_state_is_an_update_of_the_member() -> None:
    net = SimNetwork(seed=1)
    cluster(net, IPS[:3])
    net.perform(IPS[2], net.nodes[IPS[2]].publish(RecordPublish(node_state=STATE), net.now_s))
    net.run(5)
    net.notes.clear()

    cordoned = STATE.model_copy(update={"cordoned": True})
    net.perform(IPS[2], net.nodes[IPS[2]].publish(RecordPublish(node_state=cordoned), net.now_s))
    net.run(2)

    told_by = {ip for _, ip, note in net.notes if note.event == "member_updated"}
    assert told_by == set(IPS[:2])
    assert all(told(node).nodes[0].state == cordoned for node in net.nodes.values())
