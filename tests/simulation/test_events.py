"""Readers receive the events of members, even those that the state no longer shows."""

from __future__ import annotations

from constellation.gossip.gossip_node import GossipNode
from messages.gossip import NodeState, RecordPublish
from tests.simulation.network import SimNetwork
from tests.simulation.test_gossip_cluster import IPS, cluster, whole

STATE = NodeState(address="10.0.0.3", gossip_port=7946, actor_port=7947)


def events(node: GossipNode, now_s: float) -> list[tuple[str, str]]:
    return [(event.kind, event.node) for event in node.take_changes(now_s).events]


def test_join_update_leave_and_failure_reach_readers_once_in_order() -> None:
    net = SimNetwork(seed=2, trip_s=0.002)
    cluster(net, IPS[:4])
    assert net.run(10, until=lambda: whole(net))
    reader = net.nodes[IPS[0]]
    assert sorted(events(reader, net.now_s)) == [("join", "n2"), ("join", "n3"), ("join", "n4")]

    net.perform(IPS[2], net.nodes[IPS[2]].publish(RecordPublish(node_state=STATE), net.now_s))
    net.run(2)
    net.perform(IPS[2], net.nodes[IPS[2]].leave(net.now_s))
    net.run(2)
    net.kill(IPS[2])
    net.kill(IPS[3])
    net.run(20)

    assert events(reader, net.now_s) == [("update", "n3"), ("leave", "n3"), ("failed", "n4")]
    assert not reader.has_changes
    assert reader.snapshot(net.now_s).events == ()
