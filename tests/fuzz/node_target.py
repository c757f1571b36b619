"""A whole node as a target: any input must leave its own state intact and its size bounded."""

from __future__ import annotations

import contextlib
from random import Random

from constellation.effects import Note
from constellation.errors import WireError
from constellation.gossip import change_feed, hearsay, packets
from constellation.gossip.backlog import AUTHOR_WAITING_MAX
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address, unpacked
from constellation.gossip.node_meta import state_in
from constellation.gossip.outbox import Effect, SendDatagram
from constellation.gossip.packets import Ack, Ping
from constellation.gossip.policy import GossipPolicy, SwimPolicy
from constellation.gossip.prober import RELAYS_MAX
from constellation.gossip.record_table import RecordId
from constellation.gossip.stream import PushPull, Refusal, StreamReader, UserStream
from messages.gossip import RecordPublish
from tests.fuzz.corpus import NAMES, NODE_STATE, STRANGERS, alive, service_record
from tests.identities import identity_of

STEP_S = 0.05
PUBLISH_SHARE = 0.02
MEMBERS_MAX = 8  # few, so that the limit is reached
FORMER_MAX = 4
BACKLOG_MAX = (len((*NAMES, *STRANGERS)) + 1) * AUTHOR_WAITING_MAX
TIMERS_MAX = 2 * MEMBERS_MAX + 2 * RELAYS_MAX + 16
EFFECTS_MAX = 4 * packets.PACKET_PARTS_MAX
SOURCE = Address("10.0.0.2", 7946)
WEB = RecordId("service", "web")


def source_of(data: bytes) -> Address:
    """Return where a packet comes from: the address that it claims, if it claims one."""
    with contextlib.suppress(WireError, ValueError):
        for packet in packets.decode(data):
            if isinstance(packet, packets.Alive):
                return unpacked(packet.addr, packet.port)
    return SOURCE


class NodeTarget:
    """A node called alpha with three peers.  After each input some time passes."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.node = GossipNode(
            identity=identity_of("alpha"),
            address=Address("10.0.0.1", 7946),
            policy=GossipPolicy(SwimPolicy(members_max=MEMBERS_MAX, former_max=FORMER_MAX)),
            random=Random(1),
            incarnation=1,
            now_s=0.0,
        )
        self.own = service_record("alpha").service_state
        assert self.own is not None
        self.check(self.node.start(0.0))
        for name in ("beta", "gamma"):
            claim = alive(name)
            source = unpacked(claim.addr, claim.port)
            self.check(self.node.on_packet(packets.encode(claim), source, 0.0))
        published = RecordPublish(node_state=NODE_STATE, service_states=(self.own,))
        self.check(self.node.publish(published, 0.0))

    def __call__(self, data: bytes, random: Random) -> None:
        """Take one input.

        Raises:
            WireError: it was refused.
            AssertionError: an invariant of the node does not hold.
        """
        self.now_s += random.random() * STEP_S
        if random.random() < PUBLISH_SHARE:
            self.publish(random)
        try:
            self.feed(data, random)
        finally:
            self.check(self.node.on_time(self.now_s))
            self.check_state()

    def feed(self, data: bytes, random: Random) -> None:
        """Deliver the input as a packet or over a stream."""
        if random.random() < 0.7:
            self.check(self.node.on_packet(data, source_of(data), self.now_s))
            return
        match StreamReader(GossipEnvelope()).feed(data):
            case PushPull() as exchange if random.random() < 0.5:
                answer, effects = self.node.on_push_pull_request(exchange, self.now_s)
                assert len(answer.nodes) <= MEMBERS_MAX + 1
                self.check(effects)
            case PushPull() as exchange:
                self.check(self.node.on_push_pull_reply(exchange, SOURCE, self.now_s))
            case UserStream(body):
                self.check(self.node.on_user_stream(body, self.now_s))
            case Ack() as ack:
                self.check(self.node.on_tcp_ack(ack, self.now_s))
            case Ping() | Refusal() | None:
                return  # the transport handles these

    def publish(self, random: Random) -> None:
        """Publish a new state of this node, which must always work."""
        state = NODE_STATE.model_copy(update={"priority": random.randrange(1000)})
        self.check(self.node.publish(RecordPublish(node_state=state), self.now_s))
        assert state_in(self.node.swim.membership.me.claim.meta) == state
        self.node.snapshot(self.now_s)
        self.node.take_changes(self.now_s)

    def check(self, effects: list[Effect]) -> None:
        """Check that the effects are bounded and can be sent."""
        assert len(effects) <= EFFECTS_MAX, f"{len(effects)} effects of one input"
        for effect in effects:
            if isinstance(effect, SendDatagram):
                body = packets.compound(effect.parts)
                assert len(body) <= self.node.swim.policy.packet_bytes_max, f"{len(body)} bytes"
                packets.decode(body)
            elif isinstance(effect, Note):
                assert len(repr(effect.fields)) < 4096, "a note that fills the log"
                shown = "".join(map(str, effect.fields.values()))
                assert shown.isprintable(), f"{effect.event} could write over the log: {shown!r}"

    def check_state(self) -> None:
        """Check that its own records are unchanged, and its limits hold."""
        swim, state = self.node.swim, self.node.state
        assert len(swim.members) <= MEMBERS_MAX + 1
        assert swim.members.living_count == sum(one.is_living for one in swim.members)
        assert swim.outbox.strangers <= {one.address for one in swim.members}
        assert len(swim.membership.former) <= FORMER_MAX
        assert len(self.node.feed._view) <= change_feed.VIEW_MAX
        assert len(swim._timers) <= TIMERS_MAX
        me = swim.members.get("alpha")
        assert me is not None
        assert me.state == "alive"
        assert me.address == swim.address
        stored = state.table.get("alpha", WEB)
        assert stored is not None
        assert stored.record.service_state == self.own, "another has written our record"
        assert len(self.node._backlog) <= BACKLOG_MAX
        assert len(swim.hearsay) <= hearsay.TOLD_MAX
        assert self.node.next_due_s is not None
