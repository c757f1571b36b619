"""What readers see of a node's own state while claims and records of it disagree."""

from __future__ import annotations

from random import Random

import pytest

from constellation.cluster_view import ClusterView, InstanceId
from constellation.gossip import packets
from constellation.gossip.change_feed import limited
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.node_meta import pack_meta
from constellation.gossip.packets import Alive
from constellation.gossip.policy import PLAIN_VERSIONS, GossipPolicy, StatePolicy
from constellation.gossip.record_codec import pack_records, sign_record
from messages.gossip import (
    ClusterChanged,
    MemberEvent,
    NodeState,
    RecordPublish,
    RecordWithdraw,
    ServicesScope,
    StateRecord,
)
from messages.monitor import ServiceState
from tests.identities import identity_of

ALPHA, BETA = Address("10.0.0.1", 7946), Address("10.0.0.2", 7946)
EXPIRY_S = 60.0
STATE = NodeState(address=BETA.ip, gossip_port=7946, actor_port=7947, priority=7)


class Reader:
    """Alpha, and the view of a reader that follows it."""

    def __init__(self) -> None:
        self.node = GossipNode(
            identity=identity_of("alpha"),
            address=ALPHA,
            policy=GossipPolicy(state=StatePolicy(expiry_s=EXPIRY_S)),
            random=Random(1),
            incarnation=1,
            now_s=0.0,
        )
        self.node.start(0.0)
        self.view = ClusterView().apply(self.node.snapshot(0.0))

    def state_of_beta(self, now_s: float) -> NodeState | None:
        """Return what the reader sees, which must be what a new reader would see."""
        if self.node.has_changes:
            self.view = self.view.apply(self.node.take_changes(now_s))
        assert self.view.nodes == ClusterView().apply(self.node.snapshot(now_s)).nodes
        return self.view.nodes.get("beta")

    def receive_claim(self, incarnation: int, state: NodeState | None, now_s: float) -> None:
        meta = pack_meta(identity_of("beta").public_key, state)
        claim = Alive(incarnation, "beta", BETA.packed, BETA.port, meta, PLAIN_VERSIONS)
        self.node.on_packet(packets.encode(claim), BETA, now_s)

    def receive_tombstone(self, now_s: float) -> None:
        record = StateRecord(kind="node", node="beta", key="", incarnation=1, counter=2)
        signed = sign_record(record, identity_of("beta"))
        self.node.on_user_stream(pack_records([signed.encoded]), now_s)


def test_claim_without_a_state_replaces_the_state_of_an_earlier_claim() -> None:
    reader = Reader()
    reader.receive_claim(1, STATE, 1.0)
    assert reader.state_of_beta(1.0) == STATE

    reader.receive_claim(2, None, 2.0)

    assert reader.state_of_beta(2.0) is None


def test_state_of_a_claim_is_visible_again_once_the_tombstone_of_the_record_has_expired() -> None:
    reader = Reader()
    reader.receive_claim(1, STATE, 1.0)
    reader.receive_tombstone(2.0)
    assert reader.state_of_beta(2.0) is None

    # Beta stays alive: each claim refutes the suspicion of a probe that nobody answers.
    for incarnation in range(2, int(EXPIRY_S) + 10):
        reader.receive_claim(incarnation, STATE, float(incarnation))
        reader.node.on_time(float(incarnation))

    assert reader.state_of_beta(EXPIRY_S + 10) == STATE


def age_of_beta(change: ClusterChanged) -> float:
    (age_s,) = [member.changed_ago_s for member in change.members if member.node == "beta"]
    return age_s


def test_ages_of_a_member_and_of_its_events_count_until_they_are_sent() -> None:
    reader = Reader()
    reader.receive_claim(1, STATE, 10.0)

    change = reader.node.take_changes(12.5)

    assert change.events == (MemberEvent(kind="join", node="beta", ago_s=2.5),)
    assert age_of_beta(change) == 2.5
    assert age_of_beta(reader.node.snapshot(14.0)) == 4.0


def test_event_is_reported_once() -> None:
    reader = Reader()
    reader.receive_claim(1, STATE, 10.0)
    reader.node.take_changes(10.0)
    reader.receive_claim(2, STATE.model_copy(update={"priority": 8}), 11.0)

    assert reader.node.take_changes(13.0).events == (
        MemberEvent(kind="update", node="beta", ago_s=2.0),
    )


@pytest.mark.parametrize(
    ("scope", "before", "after"),
    [
        ("all", {("alpha", "web"), ("beta", "api")}, {("alpha", "db")}),
        ("own", {("alpha", "web")}, {("alpha", "db")}),
        ("none", set(), set()),
    ],
)
def test_a_reader_sees_the_services_that_it_needs_and_misses_no_version(
    scope: ServicesScope, before: set[InstanceId], after: set[InstanceId]
) -> None:
    reader = Reader()
    node, view = reader.node, ClusterView().apply(limited(reader.node.snapshot(0.0), scope))
    reader.receive_claim(1, STATE, 1.0)
    receive_service_of_beta(node, 1, of("api"))
    node.publish(RecordPublish(service_states=(of("web"),)), 1.0)
    view = view.apply(limited(node.take_changes(1.0), scope))
    assert set(view.service_of) == before

    receive_service_of_beta(node, 2, None)
    view = view.apply(limited(node.take_changes(2.0), scope))
    node.withdraw(RecordWithdraw(kind="service", key="web"), 3.0)
    node.publish(RecordPublish(service_states=(of("db"),)), 3.0)
    view = view.apply(limited(node.take_changes(3.0), scope))

    assert not view.gap
    assert set(view.service_of) == after
    whole = ClusterView().apply(node.snapshot(3.0))
    assert (view.version, view.nodes) == (whole.version, whole.nodes)
    assert view.members.keys() == whole.members.keys()
    assert ClusterView().apply(limited(node.snapshot(3.0), scope)).service_of == view.service_of


def of(service: str) -> ServiceState:
    return ServiceState(service=service, health="healthy", source="static", instance="x")


def receive_service_of_beta(node: GossipNode, counter: int, state: ServiceState | None) -> None:
    record = StateRecord(
        kind="service", node="beta", key="api", incarnation=1, counter=counter, service_state=state
    )
    signed = sign_record(record, identity_of("beta"))
    node.on_user_stream(pack_records([signed.encoded]), 1.0)
