"""Membership and records as one node: what the shell drives and the simulation runs.

A record that fits in a packet is broadcast beside the messages of SWIM; a larger one is sent over
TCP to the same random members.  Push/pull exchanges compare digests and carry only the records that
the other side is missing.  A batch of records is sent by push/pull exchanges alone (`catch_up`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from msgspec.structs import replace

from constellation.effects import Note
from constellation.errors import WireError
from constellation.gossip import catch_up, record_codec
from constellation.gossip.backlog import Backlog, ExchangeEnd
from constellation.gossip.catch_up import CatchUp
from constellation.gossip.change_feed import ChangeFeed
from constellation.gossip.cluster_state import (
    ClusterState,
    Outcome,
    join_outcomes,
)
from constellation.gossip.direct_news import DirectNews
from constellation.gossip.dissemination import BroadcastQueue
from constellation.gossip.identity import Identity
from constellation.gossip.member import Address, MemberState
from constellation.gossip.node_meta import pack_meta, public_key_in
from constellation.gossip.outbox import (
    Effect,
    MemberChanged,
    OpenPushPull,
    SendStream,
    UserReceived,
)
from constellation.gossip.packets import Ack
from constellation.gossip.policy import GossipPolicy
from constellation.gossip.record_codec import SignedRecord
from constellation.gossip.record_table import Stored
from constellation.gossip.sameness import Sameness
from constellation.gossip.stream import PushPull
from constellation.gossip.swim import SwimNode
from constellation.gossip.user_messages import unpack_user_messages
from constellation.value import Value
from messages.base import Message
from messages.gossip import (
    ClusterChanged,
    MemberEventKind,
    RecordKind,
    RecordPublish,
    RecordWithdraw,
)

LARGE_DELAY_S = 0.005  # combines a burst into one stream
LARGE_INTERVAL_S = 0.2  # between rounds of records too large for packets
LARGE_BATCH_BYTES = 1 << 20
EXPIRY_INTERVAL_S = 1.0
EXPIRY_DELAY_S = 1.0
LARGE_ITEMS_MAX = 8192
MERGE_BATCH_MAX = 256  # records; checking one takes about 0.15 ms
MERGE_INTERVAL_S = 0.001
LACKING_BYTES_MAX = 8 << 20  # records that one exchange carries; the next one carries others
STRANGERS_LACKING_BYTES_MAX = 256 << 10
OWN_RANK, MEMBER_RANK, STRANGER_RANK = range(3)  # of broadcasts
EVENTS: dict[str, MemberEventKind] = {
    "member_joined": "join",
    "member_left": "leave",
    "member_updated": "update",
    "member_failed": "failed",
}


class GossipFigures(Value):
    """The figures behind the metrics of one node."""

    members: Mapping[MemberState, int]  # by state, this node included
    records: int  # tombstones included
    records_refused: Mapping[str, int]  # by reason
    records_repeated: int
    exchanges_spared: int
    refutations: int
    local_health_multiplier: int
    paths_lost: int  # members to which UDP does not pass
    unheard: int  # claims of members that were never heard, which wait
    unheard_forgotten: int


class GossipNode:
    """One node of the cluster, without I/O.  Every method returns what the shell must do.

    `incarnation` must be above all that earlier lives have used (see `incarnation`).  memberlist
    begins each life with 1.  A member that leaves and returns while messages about it still
    circulate then states two things under one number, and peers disagree about it.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        address: Address,
        policy: GossipPolicy,
        random: Random,
        incarnation: int,
        now_s: float,
    ) -> None:
        swim_policy = policy.swim
        if policy.records:
            swim_policy = replace(swim_policy, meta=pack_meta(identity.public_key))
        self.swim = SwimNode(
            node_name=identity.node_name,
            address=address,
            policy=swim_policy,
            random=random,
            incarnation=incarnation,
        )
        self.state = ClusterState(
            identity=identity, policy=policy.state, incarnation=incarnation, now_s=now_s
        )
        self.refused: Counter[str] = Counter()  # refused records, by reason
        self._identity = identity
        self.feed = ChangeFeed(node_name=identity.node_name, table=self.state.table)
        self._expiry_s = policy.state.expiry_s
        self._records = policy.records
        self._large = BroadcastQueue(items_max=LARGE_ITEMS_MAX)
        self._large_due_s: float | None = None
        self._expiry_due_s = now_s
        self._backlog = Backlog(self.state.table.room.is_member)
        self._backlog_due_s: float | None = None
        self._catch_up = CatchUp()
        self._direct = DirectNews(random)
        self.sameness = Sameness(self.swim, self.state.table.digests)
        self.feed.mark_member(identity.node_name, self.swim.membership.me)

    # What the shell needs to know.

    @property
    def node_name(self) -> str:
        """The name of this node, unique in the cluster."""
        return self.swim.node_name

    @property
    def address(self) -> Address:
        """Where this node listens, for UDP and TCP."""
        return self.swim.address

    @property
    def seeds(self) -> tuple[Address, ...]:
        """The addresses through which this node joins."""
        return self.swim.seeds

    def set_seeds(self, seeds: tuple[Address, ...]) -> None:
        """Join through `seeds` from now on; those that are no members are tried at intervals."""
        self.swim.seeds = seeds

    @property
    def known_addresses(self) -> tuple[Address, ...]:
        """The addresses of living and of lost members, for the next life of this node."""
        return self.swim.known_addresses

    @property
    def highest_incarnation(self) -> int:
        """The highest incarnation that this life has used, for its claims or its records."""
        return max(self.state.incarnation, self.swim.membership.me.incarnation)

    @property
    def is_alone(self) -> bool:
        """No other member is living."""
        return self.swim.members.living_count <= 1

    @property
    def name_taken(self) -> bool:
        """Another living node has this node's name: this one is silent until that one is gone."""
        return self.swim.name_taken

    @property
    def name_taken_by(self) -> tuple[str, Address] | None:
        """Who has this node's name or its identity; None: nobody."""
        return self.swim.name_taken_by

    @property
    def has_left(self) -> bool:
        """The leave has been sent as often as any broadcast, or there is nobody to send it to."""
        return self.swim.has_left

    def answers_to(self, name: str) -> bool:
        """Return whether this node must answer a ping for `name`."""
        return self.swim.answers_to(name)

    def figures(self) -> GossipFigures:
        """Return the figures for the metrics.  Safe to call in another thread than the steps."""
        states = Counter(member.state for member in self.swim.members.all())
        return GossipFigures(
            members=states,
            records=self.state.table.count,
            records_refused=self.refused.copy(),
            records_repeated=self.state.repeated,
            exchanges_spared=self.sameness.spared,
            refutations=self.swim.membership.refute_count,
            local_health_multiplier=self.swim.prober.awareness.local_health_multiplier,
            paths_lost=len(self.swim.paths.over_tcp),
            unheard=len(self.swim.hearsay),
            unheard_forgotten=self.swim.hearsay.forgotten,
        )

    # What readers of the cluster receive.

    @property
    def has_changes(self) -> bool:
        """There are changes that `take_changes` has not returned."""
        return self.feed.is_dirty

    def take_changes(self, now_s: float) -> ClusterChanged:
        """Return the changes since the last call, as the next version."""
        return self.feed.take_changes(now_s)

    def snapshot(self, now_s: float) -> ClusterChanged:
        """Return the whole cluster, as of the last version.  Take the changes first."""
        return self.feed.snapshot(now_s)

    # Steps.

    @property
    def next_due_s(self) -> float | None:
        """When `on_time` must be called next."""
        dues = (
            self.swim.next_due_s,
            self._large_due_s,
            self._expiry_due_s + EXPIRY_DELAY_S,  # until then something else is due
            self._backlog_due_s,
            self._catch_up.due_s,
            self._direct.due_s,
            self.sameness.due_s,
        )
        return min((due for due in dues if due is not None), default=None)

    def start(self, now_s: float, *, known: Iterable[Address] = ()) -> list[Effect]:
        """Begin; see `SwimNode.start`."""
        effects = self._end(self.swim.start(now_s, known=known), now_s)
        self.feed.mark_member(self.swim.node_name, self.swim.membership.me)
        return effects

    def on_packet(self, body: bytes, source: Address, now_s: float) -> list[Effect]:
        """Take one packet, decrypted.

        Raises:
            WireError: it is malformed.  Nothing has changed.
        """
        return self._end(self.swim.on_packet(body, source, now_s), now_s)

    def on_tcp_ack(self, ack: Ack, now_s: float) -> list[Effect]:
        """Take the answer to `OpenTcpPing`."""
        return self._end(self.swim.on_tcp_ack(ack, now_s), now_s)

    def on_tcp_refused(self, seq_no: int, now_s: float) -> list[Effect]:
        """Note that the target of `OpenTcpPing` refused the connection."""
        return self._end(self.swim.on_tcp_refused(seq_no, now_s), now_s)

    def on_user_stream(self, body: bytes, now_s: float) -> list[Effect]:
        """Take a user message received over TCP.

        Raises:
            WireError: it is malformed.  Nothing has changed.
        """
        if not self._records:
            return []
        records = record_codec.unpack_records(body)
        return self._end(self._merge_news(records, now_s), now_s)

    def on_time(self, now_s: float) -> list[Effect]:
        """Do all that is due."""
        effects = self.swim.on_time(now_s)
        if self._expiry_due_s <= now_s:
            self._expiry_due_s = now_s + EXPIRY_INTERVAL_S
            living = frozenset(m.name for m in self.swim.members if m.is_living)
            effects += self._apply(self.state.expire(living, now_s), now_s)
            self.feed.forget_members(now_s, expiry_s=self._expiry_s)
        if self._large_due_s is not None and self._large_due_s <= now_s:
            effects += self._send_large(now_s)
        if self._backlog_due_s is not None and self._backlog_due_s <= now_s:
            effects += self._merge_some(now_s)
        if self._catch_up.is_due(now_s):
            effects += self._exchange_out_of_turn()
        effects += self._send_direct(now_s)
        effects += self.sameness.on_time(now_s)
        return self._end(effects, now_s)

    def publish(self, message: RecordPublish, now_s: float) -> list[Effect]:
        """Publish this node's records."""
        outcome = Outcome()
        if message.node_state is not None and self._records:
            meta = pack_meta(self._identity.public_key, message.node_state)
            self.swim.membership.describe(meta)
        for kind, key, value in _rows(message):
            outcome = join_outcomes(outcome, self.state.publish(kind, key, value, now_s))
        return self._end(self._apply(outcome, now_s), now_s)

    def withdraw(self, message: RecordWithdraw, now_s: float) -> list[Effect]:
        """Withdraw one of this node's records."""
        outcome = self.state.withdraw(message.kind, message.key, now_s)
        return self._end(self._apply(outcome, now_s), now_s)

    def leave(self, now_s: float) -> list[Effect]:
        """Begin to leave; `has_left` becomes true when the leave has been sent."""
        self._exchange_directly(now_s)
        return self._end(self.swim.leave(now_s), now_s)

    def push_pull_request(self, to: Address, *, join: bool) -> PushPull:
        """Return the request of a push/pull with `to`: the members, and digests of the records."""
        table = self.swim.push_pull(join=join)
        if not self._records or self.swim.name_taken or to in self.swim.outbox.strangers:
            return table
        user_state = record_codec.pack_exchange(self.state.table.digests(), ())
        return PushPull(table.nodes, user_state, join)

    def on_push_pull_request(self, remote: PushPull, now_s: float) -> tuple[PushPull, list[Effect]]:
        """Return the reply to a push/pull request, and the effects of merging it.

        Raises:
            WireError: the records are malformed.  Nothing has changed.
        """
        exchange = self._exchange(remote)
        table = self.swim.push_pull(join=remote.join)
        answer = table
        if exchange is not None and not self.swim.name_taken:
            user_state = record_codec.pack_exchange(
                self.state.table.digests(), self._lacking(exchange.digests)
            )
            answer = PushPull(table.nodes, user_state, remote.join)
        self.swim.on_push_pull(remote, now_s)
        return answer, self._end(self.swim.end_step(now_s), now_s)

    def on_push_pull_reply(self, remote: PushPull, peer: Address, now_s: float) -> list[Effect]:
        """Merge the reply of `peer`, and send it the records that it is missing.

        Raises:
            WireError: the records are malformed.  Nothing has changed.
        """
        exchange = self._exchange(remote)
        accepted = self.swim.on_push_pull(remote, now_s, asked=peer)
        # Members first: their claims name the keys that records are checked with.
        effects = self._end(self.swim.end_step(now_s), now_s)
        if not accepted or exchange is None:
            return effects
        self._put_off(exchange.records, ExchangeEnd(peer, exchange.digests))
        return effects + self._end(self._merge_some(now_s), now_s)

    def _put_off(self, records: Iterable[SignedRecord], end: ExchangeEnd | None = None) -> None:
        refused = self._backlog.put(records, end)
        if refused:
            self.refused["backlog"] += refused

    def _merge_some(self, now_s: float) -> list[Effect]:
        """Merge one batch of the backlog: checking a large state at once would delay acks."""
        batch, ended = self._backlog.take(MERGE_BATCH_MAX)
        effects = self._apply(self.state.merge(batch, now_s), now_s)
        for end in ended:
            lacking = self._lacking(end.digests)
            if lacking:
                effects.append(SendStream(end.peer, record_codec.pack_records(lacking)))
        self._backlog_due_s = now_s + MERGE_INTERVAL_S if self._backlog else None
        return effects

    def _exchange(self, remote: PushPull) -> record_codec.Exchange | None:
        """Return the digests and records of the other side; None if it sent none."""
        return record_codec.unpack_exchange(remote.user_state) if self._records else None

    def _lacking(self, digests: Mapping[str, bytes]) -> list[bytes]:
        """Return the records of every author whose digest differs on the other side.

        Up to a limit: this node's own first, then those of members, the smallest authors first.
        """
        table = self.state.table
        different = [one for one, digest in table.digests().items() if digests.get(one) != digest]
        different.sort(key=lambda one: (self._rank(one), len(table.of(one))))
        found: list[bytes] = []
        room = LACKING_BYTES_MAX
        for author in different:
            if self._rank(author) == STRANGER_RANK:
                room = min(room, STRANGERS_LACKING_BYTES_MAX)
            for stored in table.of(author).values():
                room -= len(stored.encoded)
                if room < 0:
                    return found
                found.append(stored.encoded)
        return found

    def _rank(self, author: str) -> int:
        if author == self.node_name:
            return OWN_RANK
        return MEMBER_RANK if self.state.table.room.is_member(author) else STRANGER_RANK

    def _apply(self, outcome: Outcome, now_s: float) -> list[Effect]:
        for author, record_id in (*outcome.changed, *outcome.removed):
            self.feed.mark_record(author, record_id)
        if self._records and len(outcome.news) >= catch_up.RECORDS_MIN:
            self._catch_up.begin(now_s)
            self._exchange_directly(now_s)
        elif self._records:
            self._tell(outcome.news, now_s)
        effects = self.swim.end_step(now_s)
        return effects + [note for reason in outcome.refused for note in self._refuse(reason)]

    def _tell(self, news: Iterable[Stored], now_s: float) -> None:
        """Broadcast each record."""
        has_direct = bool(self.swim.paths.over_tcp)
        for stored in news:
            record = stored.record
            subject = (record.node, record.kind, record.key)
            message = record_codec.pack_records([stored.encoded])
            rank, author = self._rank(record.node), record.node
            if has_direct:
                is_own = rank == OWN_RANK
                self._direct.put(subject, stored.encoded, now_s, is_own=is_own)
            if not self.swim.broadcast(subject, message, rank=rank, author=author):
                self._large.put(subject, stored.encoded, rank=rank, author=author)
                self._large_due_s = self._large_due_s or now_s + LARGE_DELAY_S

    def _exchange_directly(self, now_s: float) -> None:
        if self.swim.paths.over_tcp:
            self._direct.exchange(now_s)

    def _send_direct(self, now_s: float) -> list[Effect]:
        """Send what is due over TCP; begin with an exchange where UDP has just been lost."""
        if not self.swim.paths.has_doubts and self._direct.due_s is None:
            return []
        newly = self.swim.paths.take_newly_lost()
        strangers = self.swim.outbox.strangers
        to = [one for one in self.swim.paths.over_tcp if one not in strangers]
        chance = self.swim.policy.gossip_nodes / max(1, self.swim.members.living_count)
        effects = self._direct.on_time(to, now_s, chance=chance)
        return [*effects, *(OpenPushPull(one, join=False) for one in newly)]

    def _exchange_out_of_turn(self) -> list[Effect]:
        """Begin a push/pull with a random member that understands records."""
        strangers, own = self.swim.outbox.strangers, self.swim.node_name
        peers = self.swim.members.choose(
            1,
            lambda one: one.state == "alive" and one.name != own and one.address not in strangers,
        )
        return [OpenPushPull(peer.address, join=False) for peer in peers]

    def _refuse(self, reason: str) -> list[Note]:
        """Count a refusal; log the 1st, 2nd, 4th, 8th, so that a flood does not fill the log."""
        self.refused[reason] += 1
        count = self.refused[reason]
        if count & (count - 1):
            return []
        return [Note("record_refused", {"reason": reason, "count": count}, "warning")]

    def _send_large(self, now_s: float) -> list[Effect]:
        """Send the records that are too large for a packet to random members, over TCP."""
        strangers = self.swim.outbox.strangers
        targets = [one for one in self.swim.gossip_targets(now_s) if one.address not in strangers]
        limit, own = self.swim.outbox.transmits_max, self.swim.outbox.own_transmits
        effects: list[Effect] = []
        for member in targets:
            batch = self._large.take_parts(LARGE_BATCH_BYTES, limit=limit, first_limit=own)
            if batch:
                effects.append(SendStream(member.address, record_codec.pack_records(batch)))
        self._large_due_s = now_s + LARGE_INTERVAL_S if len(self._large) and targets else None
        return effects

    def _end(self, effects: list[Effect], now_s: float) -> list[Effect]:
        """Handle the effects that are for this layer; return the rest."""
        rest: list[Effect] = []
        bodies: list[bytes] = []
        for effect in effects:
            match effect:
                case UserReceived(body):
                    bodies.append(body)
                case OpenPushPull(to, regular=True) if self._records:
                    rest += self.sameness.ask_first(to, now_s) or [effect]
                case MemberChanged(name):
                    self._on_member(name, now_s)
                    self._exchange_directly(now_s)
                    rest.append(effect)
                case Note(event, fields) if event in EVENTS:
                    self.feed.mark_event(EVENTS[event], fields["member"], now_s)
                    rest.append(effect)
                case _:
                    rest.append(effect)
        # Members first: their claims name the keys that records are checked with.
        return rest + self._on_users(bodies, now_s) if bodies and self._records else rest

    def _on_member(self, name: str, now_s: float) -> None:
        member = self.swim.members.get(name)
        if member is not None and member.is_living and public_key_in(member.claim.meta):
            self.state.on_living(name)
            if self.state.missed:  # perhaps records of this one
                self.state.missed = False
                self._catch_up.begin(now_s)
            self.state.authorship.identify(name, public_key_in(member.claim.meta), now_s)
        self.feed.mark_member(name, member)

    def _on_users(self, bodies: Iterable[bytes], now_s: float) -> list[Effect]:
        received = unpack_user_messages(bodies)
        # The other messages of the packet were valid and have been taken.
        for reason in received.refused:
            self._refuse_message(reason)
        return self._merge_news(received.records, now_s) + self._on_statement(received.statement)

    def _merge_news(self, records: Sequence[SignedRecord], now_s: float) -> list[Effect]:
        """Merge the records of a packet or stream at once, ahead of the backlog, up to a batch."""
        effects = self._apply(self.state.merge(records[:MERGE_BATCH_MAX], now_s), now_s)
        self._put_off(records[MERGE_BATCH_MAX:])
        if self._backlog and self._backlog_due_s is None:
            self._backlog_due_s = now_s + MERGE_INTERVAL_S
        return effects + self.swim.outbox.take_effects()

    def _on_statement(self, body: bytes | None) -> list[Effect]:
        try:
            return self.sameness.on_message(body) if body else []
        except WireError as error:
            self._refuse_message(error.reason)
            return self.swim.outbox.take_effects()

    def _refuse_message(self, reason: str) -> None:
        self.swim.outbox.complain("user_message_refused", reason, reason=reason)


def _rows(message: RecordPublish) -> Iterable[tuple[RecordKind, str, Message]]:
    if message.node_state is not None:
        yield "node", "", message.node_state
    for service in message.service_states:
        yield "service", service.key, service
    for warp in message.warp_states:
        yield "warp", warp.gateway, warp
