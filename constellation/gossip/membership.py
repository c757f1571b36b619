"""The rules by which messages change what is known of each member (SWIM §4.2).

alive(N) < suspect(N) < alive(N+1) < dead.  Only the member itself raises its incarnation: that is
how it refutes an accusation.

Deviations from memberlist, none of them visible to its peers:

- A claim with another public key in its meta is from another node, like a claim with another
  address.  A node keeps its name and records as long as it lives.
- The suspicion timeout counts living members only.  memberlist also counts dead and departed ones
  until it forgets them, so deaths take twice as long to confirm just after a node has left.
- A member that was never heard waits until something comes from its own address (`hearsay`).
- A new suspect is probed out of turn by some members that hear of it, so that they confirm the
  suspicion, or refuse to, within two intervals instead of when its turn comes.
- A suspect whose host refuses connections is declared dead sooner (`refusals`).
- A node that suspects a member sends it the accusation directly, repeatedly until it refutes, and
  an accused member replies to its accuser directly, even if it has refuted before.  Broadcasts
  reach members at random and a limited number of times: at 20 % loss, one node that missed a
  refutation would declare a healthy member dead.
"""

from __future__ import annotations

from msgspec.structs import replace

from constellation.gossip.conflicts import Conflict, Conflicts
from constellation.gossip.fields import U32_MAX
from constellation.gossip.hearsay import Hearsay
from constellation.gossip.incarnation import FOLLOWED_MAX, above_earlier_life
from constellation.gossip.member import Address, Member, MemberState, MemberTable, unpacked
from constellation.gossip.node_meta import public_key_in
from constellation.gossip.outbox import MemberChanged, Outbox
from constellation.gossip.packets import Alive, Dead, Suspect, encode
from constellation.gossip.policy import SwimPolicy
from constellation.gossip.suspicion import Suspicion
from constellation.gossip.timers import RemindSuspect, SuspicionEnds, Timers

VERIFIERS = 8  # so many members probe a new suspect out of turn
HIGHEST_MAX = U32_MAX - 1  # incarnation of a claim; one more is left to refute it
FORMER_EXPIRY_S = 86_400.0


class Membership:
    """The member table of one node, and its own claim."""

    def __init__(
        self,
        own: Alive,
        policy: SwimPolicy,
        *,
        table: MemberTable,
        hearsay: Hearsay,
        timers: Timers,
        outbox: Outbox,
    ) -> None:
        self._policy = policy
        self._timers = timers
        self._outbox = outbox
        self._suspicions: dict[str, Suspicion] = {}
        self.conflicts = Conflicts(outbox)
        self._hearsay = hearsay
        self.table = table
        self.me = Member(own, "alive", own.incarnation, 0.0)
        self.former: dict[Address, float] = {}  # addresses of dead members, and the time of death
        self.leaving = False
        self.refute_count = 0
        table.add_member(self.me)

    def on_alive(self, claim: Alive, now_s: float, source: Address | None = None) -> None:
        """Apply a member's claim, if it is newer than what is known.

        `source` is the address that it came from; None if that is not known.
        """
        if not claim.port:
            claim = replace(claim, port=self.me.claim.port)
        if claim.node == self.me.name and claim.addr:
            self._on_own_alive(claim, now_s)
            return
        if not self._is_valid(claim):
            return
        member = self.table.get(claim.node)
        moved = member is None or is_other(claim, member.claim)
        twin = self._twin_of(claim) if moved else None
        is_direct = source == unpacked(claim.addr, claim.port)
        if member is not None and moved and not self._may_move(member, now_s):
            self._conflict(member, claim, now_s)
        elif twin is not None:
            self._conflict(twin, claim, now_s)
        elif moved and not is_direct:
            self._hearsay.tell(claim, now_s)
        elif member is None:
            self._admit(claim, now_s)
        elif moved or (
            claim.incarnation > member.incarnation
            and (is_direct or not self._is_out_of_reach(member, claim.incarnation))
        ):
            self._revive(member, claim, now_s)

    def on_heard(self, address: Address, now_s: float) -> None:
        """Note that something came from `address`: who waits there is a member now."""
        claim = self._hearsay.heard(address)
        if claim is not None:
            self.on_alive(claim, now_s, address)

    def on_greeting_answered(self, seq_no: int, now_s: float) -> None:
        """Note the answer to a greeting; the answer to another ping changes nothing."""
        claim = self._hearsay.answered(seq_no)
        if claim is not None:
            self.on_alive(claim, now_s, unpacked(claim.addr, claim.port))

    def on_suspect(self, news: Suspect, now_s: float) -> None:
        """Suspect a member that another member cannot reach."""
        member = self.table.get(news.node)
        if member is None:
            self._hearsay.drop(news.node)
            return
        if news.incarnation < member.incarnation:
            return
        if member is self.me:
            self._refute(news.incarnation)
            return
        if self._is_out_of_reach(member, news.incarnation):
            return
        suspicion = self._suspicions.get(news.node)
        if suspicion is not None:
            confirmed = suspicion.confirm(news.accuser)
            if confirmed is not None:
                self._suspicions[news.node] = confirmed
                self._timers.set(SuspicionEnds(news.node), confirmed.ends_at_s)
                self._spread(news)
            return
        if member.state == "alive":
            self._suspect(member, news, now_s)

    def on_reminder(self, name: str, now_s: float) -> None:
        """Send a suspect its accusation directly (the buddy system of Lifeguard)."""
        member = self.table.get(name)
        if member is not None and member.state == "suspect":
            accusation = Suspect(member.incarnation, name, self.me.name)
            self._outbox.send_bare(member.address, encode(accusation))
            self._timers.set(RemindSuspect(name), now_s + self._policy.probe_timeout_s)

    def on_dead(self, news: Dead, now_s: float) -> None:
        """Mark a member dead that another member declared dead, or left if it says so itself."""
        member = self.table.get(news.node)
        if member is None:
            self._hearsay.drop(news.node)
            return
        if news.incarnation < member.incarnation:
            return
        if member is self.me:
            if not self.leaving:
                self._refute(news.incarnation)
            return
        if not member.is_living or self._is_out_of_reach(member, news.incarnation):
            return
        left = news.accuser == news.node
        self._end_suspicion(member)
        member.incarnation = news.incarnation
        self._enter(member, "left" if left else "dead", now_s)
        self._spread(news)
        if left:
            self.former.pop(member.address, None)
        else:
            self._remember(member.address, now_s)
        event, level = ("member_left", "info") if left else ("member_failed", "warning")
        self._outbox.note(event, level, member=member.name, accuser=shown(news.accuser))

    def is_confirmed(self, name: str) -> bool:
        """Return whether as many others as expected accuse a suspect."""
        suspicion = self._suspicions.get(name)
        return suspicion is not None and suspicion.is_confirmed

    def on_suspicion_end(self, name: str, now_s: float) -> None:
        """Declare a suspect dead: no refutation came in time."""
        member = self.table.get(name)
        if member is not None and member.state == "suspect":
            self.on_dead(Dead(member.incarnation, name, self.me.name), now_s)

    def leave(self) -> None:
        """Broadcast that this node leaves."""
        self.leaving = True
        own = self.me.incarnation
        self._spread(Dead(own, self.me.name, self.me.name))

    def reap(self, now_s: float) -> None:
        """Forget members that were dead or departed for `dead_gossip_s`."""
        for member in list(self.table):
            gone_s = now_s - member.state_changed_at_s
            if not member.is_living and gone_s > self._policy.dead_gossip_s:
                self.table.forget(member.name)
                self._outbox.strangers.discard(member.address)
                self.conflicts.forget(member.name)
                self._outbox.add_effect(MemberChanged(member.name))
        for address, since_s in list(self.former.items()):
            if now_s - since_s > FORMER_EXPIRY_S:
                del self.former[address]
        self._count()

    def remember(self, addresses: tuple[Address, ...], now_s: float) -> None:
        """Take the addresses of members that an earlier life knew."""
        for address in addresses:
            self._remember(address, now_s)

    def _remember(self, address: Address, now_s: float) -> None:
        if address == self.me.address:
            return
        if len(self.former) >= self._policy.former_max:
            del self.former[next(iter(self.former))]
        self.former[address] = now_s

    def _admit(self, claim: Alive, now_s: float) -> None:
        if self.table.is_full:
            self._outbox.complain("member_refused", "table full", member=claim.node)
            return
        member = Member(claim, "dead", 0, now_s)
        self.table.add_member(member)
        self._revive(member, claim, now_s)

    def _may_move(self, member: Member, now_s: float) -> bool:
        gone_s = now_s - member.state_changed_at_s
        dead = member.state == "dead" and gone_s >= self._policy.dead_reclaim_s
        return member.state == "left" or dead

    def _is_valid(self, claim: Alive) -> bool:
        low, high = claim.versions[0], claim.versions[1]
        if not claim.node.isprintable():
            self._outbox.complain("member_refused", "name", member=shown(claim.node))
            return False
        if not claim.addr or not 0 < low <= high or claim.incarnation > HIGHEST_MAX:
            self._outbox.complain("member_refused", "versions", member=claim.node)
            return False
        return True

    def _is_out_of_reach(self, member: Member, incarnation: int) -> bool:
        """Return whether a member could not refute that: it follows nobody so far."""
        if incarnation <= max(member.incarnation, FOLLOWED_MAX):
            return False
        self._outbox.complain("accusation_refused", "incarnation", incarnation=incarnation)
        return True

    def _twin_of(self, claim: Alive) -> Member | None:
        """Return the living member that has the identity of a claim to another name."""
        key = public_key_in(claim.meta)
        if not key:
            return None
        others = (one for one in self.table if one.is_living and one.name != claim.node)
        return next((one for one in others if public_key_in(one.claim.meta) == key), None)

    def _conflict(self, member: Member, claim: Alive, now_s: float) -> None:
        self.conflicts.note(Conflict.between(member, claim), now_s)

    def _revive(self, member: Member, claim: Alive, now_s: float) -> None:
        was, meta = member.state, member.claim.meta
        self._end_suspicion(member)
        self._outbox.strangers.discard(member.address)  # its address until now
        member.claim = claim
        member.incarnation = claim.incarnation
        self.former.pop(member.address, None)
        self.conflicts.settle(member.name, member.address)
        self._mark_stranger(member)
        self._spread(claim)
        if was != "alive":
            self._enter(member, "alive", now_s)
        if was in ("dead", "left"):
            self._outbox.note("member_joined", member=member.name, address=str(member.address))
        elif was == "suspect":
            self._outbox.note("member_refuted", member=member.name)
        elif meta != claim.meta:
            self._outbox.note("member_updated", member=member.name)
            self._outbox.add_effect(MemberChanged(member.name))

    def _mark_stranger(self, member: Member) -> None:
        # Among nodes that sign records, a member without a key is something else, e.g. a Serf
        # agent, which logs an error for each message that it does not know.
        is_stranger = public_key_in(self.me.claim.meta) and not public_key_in(member.claim.meta)
        if is_stranger:
            self._outbox.strangers.add(member.address)
        else:
            self._outbox.strangers.discard(member.address)

    def _suspect(self, member: Member, news: Suspect, now_s: float) -> None:
        member.incarnation = news.incarnation
        suspicion = Suspicion.start(
            news.accuser,
            now_s,
            members=self.table.living_count,
            multiplier=self._policy.suspicion_multiplier,
            probe_interval_s=self._policy.probe_interval_s,
            max_multiplier=self._policy.suspicion_timeout_max_multiplier,
        )
        self._suspicions[member.name] = suspicion
        self._timers.set(SuspicionEnds(member.name), suspicion.ends_at_s)
        self._timers.set(RemindSuspect(member.name), now_s + self._policy.probe_timeout_s)
        self._enter(member, "suspect", now_s)
        if news.accuser != self.me.name:
            self.table.verify_soon(member.name, verifiers=VERIFIERS)
        self._spread(news)
        self._outbox.note("member_suspected", member=member.name, accuser=shown(news.accuser))

    def _end_suspicion(self, member: Member) -> None:
        self._suspicions.pop(member.name, None)
        self._timers.cancel(SuspicionEnds(member.name))
        self._timers.cancel(RemindSuspect(member.name))

    def _on_own_alive(self, claim: Alive, now_s: float) -> None:
        mine = self.me.claim
        if self.leaving or claim.incarnation < self.me.incarnation:
            return
        if (claim.addr, claim.port) != (mine.addr, mine.port):
            self._conflict(self.me, claim, now_s)
            return
        same = (claim.meta, claim.versions) == (mine.meta, mine.versions)
        if claim.incarnation > self.me.incarnation or not same:
            # From an earlier life, which may also have used higher incarnations.
            self._refute(claim.incarnation, above_earlier_life(claim.incarnation))

    def _refute(self, accused: int, incarnation: int = 0) -> None:
        """Use an incarnation above `accused`, and at least `incarnation`; broadcast it."""
        if accused > max(self.me.incarnation, FOLLOWED_MAX) or accused >= HIGHEST_MAX:
            self._outbox.complain("accusation_refused", "incarnation", incarnation=accused)
            return
        self.refute_count += 1
        self._renew(max(self.me.incarnation, accused, incarnation - 1))
        self._outbox.note("accusation_refuted", incarnation=self.me.incarnation)

    def _renew(self, known: int) -> None:
        """Use an incarnation above `known`, and broadcast it unless this node leaves."""
        self.me.incarnation = known + 1
        self.me.claim = replace(self.me.claim, incarnation=known + 1)
        if not self.leaving:
            self._spread(self.me.claim)

    def describe(self, meta: bytes) -> None:
        """Change the meta of this node's claim.  Idempotent."""
        if meta == self.me.claim.meta:
            return
        if self.me.incarnation >= HIGHEST_MAX:
            self._outbox.complain("claim_not_renewed", "incarnation")
            return
        self.me.claim = replace(self.me.claim, meta=meta)
        self._renew(self.me.incarnation)
        self._outbox.add_effect(MemberChanged(self.me.name))

    def reclaim(self) -> None:
        """Broadcast this node's claim again: its name may be free now."""
        self._spread(self.me.claim)

    def _enter(self, member: Member, state: MemberState, now_s: float) -> None:
        self.table.enter(member, state, now_s)
        self._outbox.add_effect(MemberChanged(member.name))
        self._count()

    def _count(self) -> None:
        self._outbox.member_count = len(self.table)

    def _spread(self, news: Alive | Suspect | Dead) -> None:
        self._outbox.membership.put(news.node, encode(news))


def shown(name: str) -> str:
    """Return a name in a form that is safe to log: peers choose the names of accusers."""
    return name if name.isprintable() else repr(name)


def is_other(claim: Alive, known: Alive) -> bool:
    """Return whether a claim is from another node than the one known by that name."""
    key = public_key_in(known.meta)
    other_key = bool(key) and public_key_in(claim.meta) != key
    return other_key or (claim.addr, claim.port) != (known.addr, known.port)
