"""One member of a SWIM cluster with Lifeguard, as a pure protocol node.

The shell passes in packets, TCP answers and the time, performs the returned effects in order, and
calls `on_time` at `next_due_s`.  A packet is decoded and checked completely before any state
changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil, log2
from random import Random

from msgspec.structs import replace

from constellation.gossip import packets
from constellation.gossip.hearsay import Hearsay
from constellation.gossip.member import Address, Member, MemberTable
from constellation.gossip.membership import Membership
from constellation.gossip.name_claim import NameClaim
from constellation.gossip.outbox import Effect, OpenPushPull, Outbox, UserReceived
from constellation.gossip.packets import Ack, Alive, Dead, IndirectPing, Nack, Ping, Suspect, User
from constellation.gossip.paths import Paths
from constellation.gossip.policy import SwimPolicy
from constellation.gossip.prober import Prober
from constellation.gossip.refusals import Refusals
from constellation.gossip.stream import NodeEntry, PushPull
from constellation.gossip.timers import (
    Alarm,
    RecheckRefused,
    RelayEnds,
    RelayNack,
    RemindSuspect,
    SuspicionEnds,
    Timer,
    Timers,
)

EAGER_DELAY_S = 0.005  # combines a burst of broadcasts into one packet
EAGER_INTERVAL_S = 0.02
EAGER_ROUNDS_MAX = 2  # of three members each: one reaches 1 - e^-3 of all, two 1 - e^-6
LEAVE_SPEED = 4  # gossip rounds per interval while leaving
PUSH_PULL_STEP_MEMBERS = 32
REJOIN_SEEDS_MAX = 8


class SwimNode:
    """The protocol state of one member.  Not started until `start`."""

    def __init__(
        self,
        *,
        node_name: str,
        address: Address,
        policy: SwimPolicy,
        random: Random,
        incarnation: int = 1,
    ) -> None:
        self.policy = policy
        self.node_name = node_name
        self.address = address
        self.seeds: tuple[Address, ...] = ()
        self._random = random
        self._eager_at_s = float("-inf")
        self._eager_rounds = 0  # that remain
        self._gossip_order: list[str] = []  # the members whose turn it is
        self._round_at_s: float | None = None  # when broadcasts were sent last; None: not started
        self._timers = Timers()
        self.outbox = Outbox(policy)
        self.members = MemberTable(random=random, members_max=policy.members_max)
        own = Alive(
            incarnation, node_name, address.packed, address.port, policy.meta, policy.versions
        )
        self.prober = Prober(
            node_name=node_name,
            address=address,
            policy=policy,
            members=self.members,
            timers=self._timers,
            outbox=self.outbox,
        )
        self.paths = Paths(self.prober, interval_s=policy.probe_interval_s, outbox=self.outbox)
        self.hearsay = Hearsay(
            self.prober,
            own=lambda: self.membership.me.claim,
            interval_s=policy.probe_interval_s,
            timers=self._timers,
            outbox=self.outbox,
        )
        self.membership = Membership(
            own,
            policy,
            table=self.members,
            hearsay=self.hearsay,
            timers=self._timers,
            outbox=self.outbox,
        )
        self.refusals = Refusals(
            self.membership,
            policy,
            prober=self.prober,
            paths=self.paths,
            timers=self._timers,
            outbox=self.outbox,
        )
        self._name = NameClaim(
            self.membership,
            reclaim_s=policy.dead_reclaim_s,
            timers=self._timers,
            outbox=self.outbox,
        )

    @property
    def next_due_s(self) -> float | None:
        """When `on_time` must be called next; None before the start."""
        return self._timers.next_due_s

    @property
    def name_taken(self) -> bool:
        """Another living node has our name: this one is silent until that one is gone."""
        return self._name.is_taken

    @property
    def name_taken_by(self) -> tuple[str, Address] | None:
        """Who has the name of this node, or its identity, and where; None: nobody."""
        return self._name.taken_by

    def answers_to(self, name: str) -> bool:
        """Return whether this node must answer a ping for `name`."""
        return name in ("", self.node_name) and not self.name_taken

    @property
    def has_left(self) -> bool:
        """The leave has been sent as often as any broadcast, or there is nobody to send it to."""
        told = self.node_name not in self.outbox.membership
        return self.membership.leaving and (told or self.members.living_count <= 1)

    @property
    def known_addresses(self) -> tuple[Address, ...]:
        """The addresses of living and of lost members, for the next life of this node."""
        living = [m.address for m in self.members if m.is_living and m.name != self.node_name]
        return (*living, *self.membership.former)

    def start(self, now_s: float, *, known: Iterable[Address] = ()) -> list[Effect]:
        """Begin to probe, gossip and join; `known` are addresses from an earlier life."""
        self.membership.me.state_changed_at_s = now_s
        self.membership.remember(tuple(known), now_s)
        self._round_at_s = now_s
        for alarm, interval_s in (
            (Alarm.PROBE, self.policy.probe_interval_s),
            (Alarm.GOSSIP, self.policy.gossip_interval_s),
            (Alarm.PUSH_PULL, self.policy.push_pull_interval_s),
        ):
            self._timers.set(alarm, now_s + self._random.uniform(0.0, interval_s))
        self._rejoin(now_s)
        return self._end(now_s)

    def on_packet(self, body: bytes, source: Address, now_s: float) -> list[Effect]:
        """Take one packet, decrypted.

        Raises:
            WireError: it is malformed.  Nothing has changed.
        """
        found = packets.decode(body)
        # While the name is taken: an ack would make peers believe that its holder is alive.
        for packet in () if self.name_taken else found:
            self._on_packet(packet, source, now_s)
        if not self.name_taken:
            self.membership.on_heard(source, now_s)
            self.paths.heard(source, now_s)
            self.refusals.on_heard(source)
        self._name.ask(len(self.members), now_s)
        return self._end(now_s)

    def on_time(self, now_s: float) -> list[Effect]:
        """Do all that is due."""
        for timer in self._timers.take_due(now_s):
            self._on_timer(timer, now_s)
        return self._end(now_s)

    def on_tcp_ack(self, ack: Ack, now_s: float) -> list[Effect]:
        """Take the answer to `OpenTcpPing`."""
        self._on_ack(ack, now_s)
        return self._end(now_s)

    def on_tcp_refused(self, seq_no: int, now_s: float) -> list[Effect]:
        """Note that the target of `OpenTcpPing` refused the connection."""
        self.prober.on_refused(seq_no, now_s)
        self.refusals.on_refused(seq_no, now_s)
        return self._end(now_s)

    def broadcast(self, subject: object, body: bytes, *, rank: int = 0, author: str = "") -> bool:
        """Queue a user message as a broadcast; False if it cannot fit in a packet."""
        message = packets.encode(User(body))
        if len(message) > self.user_bytes_max:
            return False
        self.outbox.user.put(subject, message, rank=rank, author=author)
        return True

    @property
    def user_bytes_max(self) -> int:
        """The largest user message, with its type byte, that fits in a packet."""
        return self.policy.packet_bytes_max - 8

    def push_pull(self, *, join: bool) -> PushPull:
        """Return the member table for a push/pull."""
        entries = tuple(_entry(member) for member in self.members)
        if self.membership.leaving:
            own = NodeEntry(self.membership.me.claim, "left")
            entries = tuple(own if e.alive.node == self.node_name else e for e in entries)
        return PushPull(entries, join=join)

    def on_push_pull(self, remote: PushPull, now_s: float, *, asked: Address | None = None) -> bool:
        """Merge the table of a peer; False if it must not be merged.

        `asked`: the address of the peer, if this node began the exchange.

        The caller takes the effects with `end_step`.
        """
        if not self._name.check(remote, now_s, initiated=asked is not None):
            return False
        for entry in remote.nodes:
            self._merge(entry, now_s)
        if asked is not None:
            self.membership.on_heard(asked, now_s)
            self.refusals.on_heard(asked)
        return True

    def end_step(self, now_s: float) -> list[Effect]:
        """Return the effects of `on_push_pull` and of `broadcast`."""
        return self._end(now_s)

    def leave(self, now_s: float) -> list[Effect]:
        """Begin to leave; `has_left` becomes true when the leave has been sent.  Idempotent."""
        if not self.membership.leaving:
            self.membership.leave()
            self._timers.set(Alarm.GOSSIP, now_s)
        return self._end(now_s)

    def gossip_targets(self, now_s: float) -> list[Member]:
        """Return the next members to send broadcasts to: living, or dead for a short time.

        The order is a shuffled round-robin, so that the few copies of one broadcast go to different
        members.  Members to which UDP does not pass are told over TCP, unless this node leaves.
        """
        over_tcp = () if self.membership.leaving else self.paths.over_tcp

        fitting = {
            member.name: member
            for member in self._audience(now_s)
            if member.address not in over_tcp
        }
        order = [name for name in self._gossip_order if name in fitting]
        if len(order) < self.policy.gossip_nodes:
            again = [name for name in fitting if name not in order]
            self._random.shuffle(again)
            order += again
        chosen = order[: self.policy.gossip_nodes]
        self._gossip_order = order[len(chosen) :]
        return [fitting[name] for name in chosen]

    def _audience(self, now_s: float) -> Iterator[Member]:
        for member in self.members:
            dead_s = now_s - member.state_changed_at_s
            recently = member.state == "dead" and dead_s <= self.policy.dead_gossip_s
            if member.name != self.node_name and (member.is_living or recently):
                yield member

    def _has_audience(self, now_s: float) -> bool:
        return next(self._audience(now_s), None) is not None

    def _end(self, now_s: float) -> list[Effect]:
        self._hasten(now_s)
        return self.outbox.take_effects()

    def _hasten(self, now_s: float) -> None:
        """Send new broadcasts at once, unless the last early round was just before."""
        news = self.outbox.fresh
        self.outbox.clear_fresh()
        if self._round_at_s is None or not news:
            return
        due_s = self._timers.due_s(Alarm.GOSSIP)
        if due_s is None:
            due_s = self._next_round_s(self._round_at_s, now_s)
            self._timers.set(Alarm.GOSSIP, due_s)
        # One round stays at its regular time, so that a short disturbance cannot take all copies.
        rounds = ceil(self.outbox.transmits_max / self.policy.gossip_nodes)
        self._eager_rounds = max(1, min(EAGER_ROUNDS_MAX, rounds - 1))
        self._gossip_early(max(now_s + EAGER_DELAY_S, self._eager_at_s + EAGER_INTERVAL_S), due_s)

    def _next_round_s(self, last_s: float, now_s: float) -> float:
        """Return the next regular time, as if there had been a round at each one since the last."""
        interval_s = self.policy.gossip_interval_s
        return last_s + max(1, ceil((now_s - last_s) / interval_s)) * interval_s

    def _gossip_early(self, eager_s: float, due_s: float) -> None:
        if eager_s < due_s:
            self._eager_at_s = eager_s
            self._timers.set(Alarm.GOSSIP, eager_s)

    def _on_packet(self, packet: packets.Packet, source: Address, now_s: float) -> None:
        match packet:
            case Ping():
                self.prober.on_ping(packet, source)
            case IndirectPing():
                self.prober.on_indirect_ping(packet, source, now_s)
            case Ack():
                self._on_ack(packet, now_s, source)
            case Nack():
                self.prober.on_nack(packet)
            case Alive():
                self.membership.on_alive(packet, now_s, source)
            case Suspect():
                self.membership.on_suspect(packet, now_s)
                self._answer_accusation(packet, source)
            case Dead():
                self.membership.on_dead(packet, now_s)
            case User(body):
                self.outbox.add_effect(UserReceived(body))

    def _on_ack(self, ack: Ack, now_s: float, source: Address | None = None) -> None:
        """Take an ack; without a source it came over TCP."""
        target = self.prober.target_of(ack.seq_no)
        if target is not None and source == target.address:
            self.paths.passes(target.address)
        elif target is not None:
            self.paths.missed(target.address, target.name, over_tcp=source is None)
        elif source is not None:
            self.paths.acked(ack.seq_no, source)
        if target is not None:
            self.refusals.on_heard(target.address)
        self.refusals.on_ack(ack.seq_no)
        self.prober.on_ack(ack, now_s)
        self.membership.on_greeting_answered(ack.seq_no, now_s)

    def _answer_accusation(self, news: Suspect, source: Address) -> None:
        """Send the refutation to the accuser directly: a broadcast may miss it."""
        if news.node == self.node_name and not self.membership.leaving:
            claim = packets.encode(self.membership.me.claim)
            self.outbox.send_bare(source, claim)

    def _on_timer(self, timer: Timer, now_s: float) -> None:
        match timer:
            case Alarm():
                self._on_alarm(timer, now_s)
            case RelayNack(seq_no):
                self.prober.on_relay_timeout(seq_no)
            case RelayEnds(seq_no):
                self.prober.on_relay_end(seq_no)
            case SuspicionEnds(name):
                self.membership.on_suspicion_end(name, now_s)
            case RemindSuspect(name):
                self.membership.on_reminder(name, now_s)
            case RecheckRefused(name):
                self.refusals.on_recheck(name, now_s)

    def _on_alarm(self, alarm: Alarm, now_s: float) -> None:
        match alarm:
            case Alarm.PROBE:
                self._probe(now_s)
            case Alarm.PROBE_TIMEOUT:
                self.prober.on_timeout()
            case Alarm.PROBE_DEADLINE:
                self._end_probe(now_s)
            case Alarm.GOSSIP:
                self._gossip(now_s)
            case Alarm.PUSH_PULL:
                self._exchange(now_s)
            case Alarm.REJOIN:
                self._rejoin(now_s)
            case Alarm.GREET:
                self._greet(now_s)
            case Alarm.RECLAIM:
                self.membership.reclaim()

    def _greet(self, now_s: float) -> None:
        if not (self.membership.leaving or self.name_taken):
            self.hearsay.on_time(now_s)

    def _probe(self, now_s: float) -> None:
        target, wrapped = self.members.next_to_probe(but=self.node_name)
        if wrapped:
            self.membership.reap(now_s)
        if self.paths.has_doubts:
            self.paths.on_probe_interval(one.address for one in self.members if one.is_living)
        interval_s = self.policy.probe_interval_s * self.prober.awareness.local_health_multiplier
        self._timers.set(Alarm.PROBE, now_s + interval_s)
        if target is not None and not (self.membership.leaving or self.name_taken):
            self.prober.start(target, now_s)
            # A round ends before the next begins, even if both are due at once.
            self._timers.set(Alarm.PROBE, now_s + interval_s + 1e-6)

    def _end_probe(self, now_s: float) -> None:
        silence = self.prober.on_deadline()
        silent = silence.target if silence is not None else None
        current = self.members.get(silent.name) if silent is not None else None
        if silence and current is not None and current is silent and silent.is_living:
            accusation = Suspect(silent.incarnation, silent.name, self.node_name)
            self.membership.on_suspect(accusation, now_s)
            if silence.is_refused:
                self.refusals.begin(silent, now_s)

    def _gossip(self, now_s: float) -> None:
        speed = LEAVE_SPEED if self.membership.leaving else 1
        due_s = now_s + self.policy.gossip_interval_s / speed
        self._round_at_s = now_s
        if not self.outbox.has_news or not self._has_audience(now_s):
            return  # until there are fresh ones; a new member is news
        self._timers.set(Alarm.GOSSIP, due_s)
        if self.name_taken:
            return
        self._eager_rounds = max(0, self._eager_rounds - 1)
        if self._eager_rounds:
            self._gossip_early(now_s + EAGER_INTERVAL_S, due_s)
        for member in self.gossip_targets(now_s):
            news = self.outbox.news(member.address)
            if not news:
                continue  # others may understand what a stranger does not
            self.outbox.send_bare(member.address, *news)

    def _exchange(self, now_s: float) -> None:
        living = self.members.living_count
        steps = 1
        if living > PUSH_PULL_STEP_MEMBERS:
            steps = ceil(log2(living) - log2(PUSH_PULL_STEP_MEMBERS)) + 1
        self._timers.set(Alarm.PUSH_PULL, now_s + self.policy.push_pull_interval_s * steps)
        peers = self.members.choose(
            1, lambda member: member.state == "alive" and member.name != self.node_name
        )
        if peers and not self.membership.leaving:
            # Until its name is accepted, a node must see a whole table.
            regular = self._name.is_accepted and not self.name_taken
            self.outbox.add_effect(OpenPushPull(peers[0].address, join=False, regular=regular))

    def _rejoin(self, now_s: float) -> None:
        """Contact seeds that are not members, and one lost member."""
        self._timers.set(Alarm.REJOIN, now_s + self.policy.rejoin_interval_s)
        if self.membership.leaving:
            return
        living = {member.address for member in self.members if member.is_living}
        missing = [seed for seed in self.seeds if seed not in living and seed != self.address]
        lost = [address for address in self.membership.former if address not in living]
        targets = self._random.sample(missing, min(len(missing), REJOIN_SEEDS_MAX))
        if lost:
            targets.append(self._random.choice(lost))
        for address in dict.fromkeys(targets):
            self.outbox.add_effect(OpenPushPull(address, join=True))

    def _merge(self, entry: NodeEntry, now_s: float) -> None:
        claim = entry.alive
        if entry.state == "alive":
            self.membership.on_alive(claim, now_s)
        elif entry.state == "left":
            self.membership.on_dead(Dead(claim.incarnation, claim.node, claim.node), now_s)
        else:
            # A death in a peer's table is only a suspicion here: the member may refute it.
            accusation = Suspect(claim.incarnation, claim.node, self.node_name)
            self.membership.on_suspect(accusation, now_s)


def _entry(member: Member) -> NodeEntry:
    return NodeEntry(replace(member.claim, incarnation=member.incarnation), member.state)
