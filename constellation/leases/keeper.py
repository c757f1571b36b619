"""What one node does about leases: acquire what is wanted, renew, stop in time, release, expire.

A grant ends once.  After it was lost for any reason its fencing token is never acted on again: the
lease is released, and acquired anew under another token.

What a node holds while it leads is renewed by proofs that it leads, which need no entry in the log.
If those fail to come, and on other nodes, it is renewed by the log.  What a node acquires as the
leader lasts as long as a proof, and so do its renewals by the log while proofs come but renew
nothing.  Only the leader ends a lease whose time is over: when neither the log nor a proof of an
earlier leader can have renewed it since.  It ends none of its own session: it gives those back.

A lease that follows the leader prefers the node that leads Raft:

- The leader acquires it as soon as it is free.  Another node that wants it waits `patience_s`
  longer, so it gets the lease only if the leader does not want it.  It does not wait for a leader
  that is known not to want it.
- A leader that steps down releases it at once.
- A leader that has led and wanted it for `takeover_after_s` while another node holds it claims it.
  The holder then stops and releases it as it would at its own stop, and the leader acquires it.
  A leader that can act only for shorter periods therefore takes nothing over.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.effects import Note
from constellation.leases.clock import BootSeconds
from constellation.leases.effects import Announce, LeaseEffect, Propose, ProposeAsLeader, Prove
from constellation.leases.policy import LeasePolicy
from constellation.leases.table import LEASES_MAX
from constellation.value import Value
from messages.base import Message
from messages.leases import (
    AS_LEADER,
    Lease,
    LeaseAcquire,
    LeaseAcquired,
    LeaseClaim,
    LeaseExpire,
    LeaseFreed,
    LeaseLost,
    LeaseRelease,
    LeaseRenew,
    LeasesChanged,
    LeaseTableState,
)
from messages.raft_member import LeadershipProve, LeadershipProved

WANTED_MAX = 256
REFUSED_S = 0.2  # time after which a refused proposal is repeated
_IDLE_S = 60.0
_SENT_REMEMBERED = 64  # commands whose time of sending is kept; older ones were decided long ago


class Want(Value):
    """A lease that this node holds if it can."""

    ttl_s: float
    follows_leader: bool = True
    unable: frozenset[str] = frozenset()  # nodes that are known not to want it


class Leading(Value):
    """Who leads Raft, as this node knows."""

    leader: str = ""  # empty: unknown
    is_leader: bool = False  # this node leads
    term: int = 0
    yields: bool = False  # this cluster leaves what follows the leader to another cluster


@dataclass(slots=True)
class _Seen:
    lease: Lease
    at_s: BootSeconds  # when this node learned of the last grant or renewal


class LeaseKeeper:
    """The leases of one node, in one life of its lease manager (`session`)."""

    def __init__(self, *, node_name: str, session: str, policy: LeasePolicy) -> None:
        self.node_name = node_name
        self.session = session
        self.policy = policy
        self._leading = Leading()
        self._leader_since_s = float("-inf")
        self._earlier_until_s = float("inf")  # no earlier leader was proved after; inf: not known
        self._prove_due_s = float("-inf")
        self._proofs_renew = True  # as far as is known in this term
        # Of this session's commands that have leases last for the whole time: when the last was
        # sent, and the longest such time.
        self._whole_sent_s = float("-inf")
        self._ttl_s_max = 0.0
        self._is_closing = False
        self._index = 0  # log index up to which the table is known
        self._wanted: dict[str, Want] = {}
        self._wanted_since_s: dict[str, BootSeconds] = {}
        self._table: dict[str, _Seen] = {}
        self._free_since_s: dict[str, BootSeconds] = {}  # wanted leases that no node holds
        self._held: dict[str, LeaseAcquired] = {}
        # Ended grants of this session, by token: until when work begun under them may go on.
        self._acting_until_s: dict[int, float] = {}
        self._sent_at_s: dict[int, BootSeconds] = {}  # by number of the command
        self._number = 0
        self._asked_at_s: dict[str, BootSeconds] = {}  # last acquire, release or expire, by lease
        self._claimed_at_s: dict[str, BootSeconds] = {}
        self._ticked_at_s = float("-inf")
        self._renew_due_s = float("-inf")
        self._repeat_at_s = float("inf")  # when to repeat what was refused; inf: nothing was
        self._effects: list[LeaseEffect] = []

    @property
    def held(self) -> dict[str, LeaseAcquired]:
        """What this node may act on, by name; each until its own time."""
        return dict(self._held)

    @property
    def wanted(self) -> frozenset[str]:
        """The leases that this node holds if it can."""
        return frozenset(self._wanted)

    @property
    def owns_none(self) -> bool:
        """Whether no lease of this session is left in the table."""
        return not self._mine()

    def next_due_s(self, now_s: BootSeconds) -> float:
        """Return when `tick` must be called next."""
        due_s = [self._renew_due_s]
        due_s += [held.valid_until_s for held in self._held.values()]
        due_s += self._acting_until_s.values()
        due_s += [at_s + self.policy.renew_interval_s for at_s in self._asked_at_s.values()]
        due_s += [self._patient_until_s(name) for name in self._free_since_s]
        if self._leading.is_leader:
            due_s += [self._prove_due_s] if self._wants_proof else []
            due_s += [self._free_at_s(seen) for seen in self._table.values()]
            due_s += [self._claim_at_s(name) for name in self._wanted if name in self._table]
        # What was due at the last tick was done by it, or waits for one of the others.
        ahead = (at_s for at_s in due_s if at_s > self._ticked_at_s)
        next_s = min(ahead, default=now_s + _IDLE_S)
        return min(next_s, now_s + _IDLE_S, self._repeat_at_s)

    # What happens.

    def want(self, name: str, want: Want, now_s: BootSeconds) -> list[LeaseEffect]:
        """Hold a lease as soon and as long as possible.

        Raises:
            ValueError: too many leases are wanted, or the time is too short for the policy.
        """
        if name not in self._wanted and len(self._wanted) >= WANTED_MAX:
            raise ValueError(f"{WANTED_MAX} leases are wanted here already: {name} is one too many")
        LeasePolicy(  # checks that the time is long enough to be renewed
            ttl_s=want.ttl_s,
            renew_interval_s=self.policy.renew_interval_s,
            margin_s=self.policy.margin_s,
            clock_drift=self.policy.clock_drift,
        )
        if name not in self._wanted:
            self._wanted_since_s[name] = now_s
            if name not in self._table:
                self._free_since_s[name] = now_s
        self._wanted[name] = want
        return self.tick(now_s)

    def unwant(self, name: str, now_s: BootSeconds) -> list[LeaseEffect]:
        """Give a lease back, and do not acquire it again."""
        self._wanted.pop(name, None)
        self._wanted_since_s.pop(name, None)
        self._free_since_s.pop(name, None)
        self._claimed_at_s.pop(name, None)
        return self.tick(now_s)

    def refused(self, now_s: BootSeconds) -> list[LeaseEffect]:
        """Repeat soon what was proposed.  Further refusals postpone neither that nor a renewal."""
        self._repeat_at_s = min(self._repeat_at_s, now_s + REFUSED_S)
        asked_s = BootSeconds(self._repeat_at_s - self.policy.renew_interval_s)
        for name, asked_at_s in self._asked_at_s.items():
            self._asked_at_s[name] = min(asked_at_s, asked_s)
        return []

    def let_go(self, fencing_token: int, now_s: BootSeconds) -> list[LeaseEffect]:
        """Release a lost lease now: no work begun under that grant goes on in this node."""
        if fencing_token in self._acting_until_s:
            self._acting_until_s[fencing_token] = now_s
        return self.tick(now_s)

    def close(self, now_s: BootSeconds) -> list[LeaseEffect]:
        """Give everything back, and acquire nothing more: this node stops."""
        self._is_closing = True
        return self.tick(now_s)

    def set_leading(self, leading: Leading, now_s: BootSeconds) -> list[LeaseEffect]:
        """Note who leads.  A node that steps down gives back what follows the leader."""
        before, self._leading = self._leading, leading
        if (before.leader, before.is_leader) != (leading.leader, leading.is_leader):
            self._leader_since_s = now_s
        if (before.term, before.is_leader) != (leading.term, leading.is_leader):
            self._earlier_until_s, self._prove_due_s = float("inf"), now_s
            self._proofs_renew = True
        if before.is_leader and not leading.is_leader:
            self._renew_due_s = now_s  # by the log from now on
            for name in list(self._held):
                if name in self._wanted and self._wanted[name].follows_leader:
                    self._lose(name, "this node does not lead any more")
        return self.tick(now_s)

    def proved(self, proof: LeadershipProved, now_s: BootSeconds) -> list[LeaseEffect]:
        """Renew what this node holds by a proof that it leads."""
        if proof.term == self._leading.term:
            # Messages take a while, so this is a little later each time.
            earlier_until_s = now_s - proof.earlier_ago_s
            self._earlier_until_s = min(self._earlier_until_s, earlier_until_s)
            self._proofs_renew = bool(proof.tokens) or not self._held
        sent_at_s = self._sent_at_s.get(proof.number)
        for lease in self._mine():
            is_renewed = lease.name in self._held and lease.fencing_token in proof.tokens
            if sent_at_s is not None and is_renewed:
                valid_until_s = self.policy.proved_until_s(sent_at_s, lease.ttl_s)
                self._hold(lease, valid_until_s, now_s)
        if sent_at_s is not None and proof.tokens and self._held:
            until_s = min(held.valid_until_s for held in self._held.values())
            self._renew_due_s = max(self._renew_due_s, self.policy.log_due_s(sent_at_s, until_s))
            self._prove_due_s = self.policy.prove_due_s(sent_at_s, until_s)
        return self.tick(now_s)

    def restore(self, state: LeaseTableState, now_s: BootSeconds) -> list[LeaseEffect]:
        """Replace the whole table.

        A lease that is unchanged keeps the time at which it was learned.  A lease that was renewed
        or granted since counts from now.
        """
        if state.index < self._index:
            return []  # a Raft actor that has just started does not know yet what we know
        self._index = state.index
        before, self._table = self._table, {}
        for lease in state.leases:
            known = before.get(lease.name)
            is_same = known is not None and known.lease == lease
            self._see(lease, known.at_s if known and is_same else now_s, now_s)
        for name in before.keys() - self._table.keys():
            self._note_free(name, now_s)
        for name in list(self._held):
            self._check_held(name)
        known_tokens = {lease.fencing_token for lease in state.leases}
        for token in set(self._acting_until_s) - known_tokens:
            del self._acting_until_s[token]
        return self.tick(now_s)

    def change(self, changed: LeasesChanged, now_s: BootSeconds) -> list[LeaseEffect]:
        """Apply what changed in the table."""
        if changed.index <= self._index:
            return []
        self._index = changed.index
        for freed in changed.freed:
            self._end(freed, now_s)
        for lease in changed.held:
            self._see(lease, now_s, now_s)
            self._check_held(lease.name)
        for claim in changed.claimed:
            self._yield_to(claim)
        return self.tick(now_s)

    def _end(self, freed: LeaseFreed, now_s: BootSeconds) -> None:
        seen = self._table.get(freed.name)
        if seen and seen.lease.fencing_token == freed.fencing_token:
            del self._table[freed.name]
            self._note_free(freed.name, now_s)
        self._asked_at_s.pop(freed.name, None)
        self._check_held(freed.name)
        self._acting_until_s.pop(freed.fencing_token, None)

    def _note_free(self, name: str, now_s: BootSeconds) -> None:
        if name in self._wanted:
            self._free_since_s[name] = now_s

    def _see(self, lease: Lease, at_s: BootSeconds, now_s: BootSeconds) -> None:
        self._table[lease.name] = _Seen(lease, at_s)
        self._free_since_s.pop(lease.name, None)
        sent_at_s = self._sent_at_s.get(lease.number)
        if lease.session != self.session or sent_at_s is None:
            return
        if lease.number < AS_LEADER:
            self._hold(lease, self.policy.valid_until_s(sent_at_s, lease.ttl_s), now_s)
            return
        until_s = self.policy.proved_until_s(sent_at_s, lease.ttl_s)
        if self._hold(lease, until_s, now_s):
            self._renew_due_s = min(self._renew_due_s, self.policy.log_due_s(sent_at_s, until_s))
            self._prove_due_s = min(self._prove_due_s, self.policy.prove_due_s(sent_at_s, until_s))

    def _hold(self, lease: Lease, valid_until_s: float, now_s: BootSeconds) -> bool:
        """Act on a lease of this session until then; False: that is over, or known already."""
        held = self._held.get(lease.name)
        is_over = lease.fencing_token in self._acting_until_s or valid_until_s <= now_s
        if is_over or (held is not None and held.valid_until_s >= valid_until_s):
            return False
        news = LeaseAcquired(
            name=lease.name, fencing_token=lease.fencing_token, valid_until_s=valid_until_s
        )
        if held is None:
            fields = {"lease": lease.name, "fencing_token": lease.fencing_token}
            self._effects.append(Note("lease_acquired", fields))
        self._held[lease.name] = news
        self._effects.append(Announce(news))
        return True

    def _check_held(self, name: str) -> None:
        held, seen = self._held.get(name), self._table.get(name)
        if held and (seen is None or seen.lease.fencing_token != held.fencing_token):
            self._lose(name, "the cluster ended it: it was not renewed in time")

    def _yield_to(self, claim: LeaseClaim) -> None:
        """Give a lease back that the leader claims."""
        held, want = self._held.get(claim.name), self._wanted.get(claim.name)
        if held is None or held.fencing_token != claim.fencing_token:
            return
        is_preferred = claim.claimant == self._leading.leader and not self._leading.is_leader
        if want is not None and want.follows_leader and is_preferred:
            self._lose(claim.name, f"{claim.claimant}, which leads, takes it over")

    # What is due.

    def tick(self, now_s: BootSeconds) -> list[LeaseEffect]:
        """Stop what must stop, and propose what is due."""
        self._ticked_at_s = now_s
        if now_s >= self._repeat_at_s:
            self._repeat_at_s, self._renew_due_s = float("inf"), min(self._renew_due_s, now_s)
        self._stop_in_time(now_s)
        commands: list[Message] = []
        for lease in self._mine():
            # A grant that arrived too late was never held; it must not be once it is released.
            is_over = now_s >= self._acting_until_s.get(lease.fencing_token, now_s)
            if lease.name not in self._held and is_over and self._may_ask(lease.name, now_s):
                self._acting_until_s.setdefault(lease.fencing_token, now_s)
                commands.append(_release(lease))
        as_leader: list[Message] = []
        acquisitions = self._acquisitions(now_s)
        (as_leader if self._leading.is_leader else commands).extend(acquisitions)
        if self._held and now_s >= self._renew_due_s:
            if self._may_renew_as_leader(now_s):
                as_leader.append(self._renewal_as_leader(now_s))
            else:
                commands.append(self._renewal(now_s))
        if self._leading.is_leader:
            commands += self._claims(now_s)
            as_leader += self._ends_of_expired(now_s)
            self._prove(now_s)
        if commands:
            self._effects.append(Propose(tuple(commands)))
        if as_leader:
            self._effects.append(ProposeAsLeader(tuple(as_leader), self._leading.term))
        effects, self._effects = self._effects, []
        return effects

    def _stop_in_time(self, now_s: BootSeconds) -> None:
        for name, held in list(self._held.items()):
            if now_s >= held.valid_until_s:
                self._lose(name, "it was not renewed in time")
            elif why := self._why_not(name):
                self._lose(name, why)

    def _lose(self, name: str, why: str) -> None:
        held = self._held.pop(name)
        # The actors that act on it learn of this later, and may begin work until their own time.
        self._acting_until_s[held.fencing_token] = held.valid_until_s + self.policy.margin_s
        self._asked_at_s.pop(name, None)
        fields = {"lease": name, "fencing_token": held.fencing_token, "why": why}
        self._effects.append(Note("lease_lost", fields))
        lost = LeaseLost(name=name, fencing_token=held.fencing_token, why=why)
        self._effects.append(Announce(lost))

    def _why_not(self, name: str) -> str:
        """Return why this node must not hold a lease at all; "" if it may."""
        want = self._wanted.get(name)
        if self._is_closing:
            return "this node stops"
        if want is None:
            return "no actor of this node wants it any more"
        if want.follows_leader and self._leading.yields:
            return "this cluster leaves it to another cluster"
        return ""

    def _acquisitions(self, now_s: BootSeconds) -> list[Message]:
        commands: list[Message] = []
        for name, want in self._wanted.items():
            if name in self._table or self._why_not(name) or not self._is_our_turn(name, now_s):
                continue
            if not self._may_ask(name, now_s):
                continue
            if len(self._table) >= LEASES_MAX:
                fields = {"lease": name, "leases": len(self._table)}
                self._effects.append(Note("lease_table_full", fields, "warning"))
            else:
                commands.append(self._acquire(name, want, now_s))
        return commands

    def _is_our_turn(self, name: str, now_s: BootSeconds) -> bool:
        """Return whether a free lease need not be left to the leader."""
        if self._leading.is_leader or not self._wanted[name].follows_leader:
            return True
        leader = self._leading.leader
        if leader in self._wanted[name].unable:
            return True
        return leader != "" and now_s >= self._patient_until_s(name)

    def _patient_until_s(self, name: str) -> float:
        return max(self._free_since_s[name], self._leader_since_s) + self.policy.patience_s

    def _may_ask(self, name: str, now_s: BootSeconds) -> bool:
        """Return whether it was not asked for just now; if so, it counts as asked for now."""
        asked_at_s = self._asked_at_s.get(name)
        if asked_at_s is not None and now_s < asked_at_s + self.policy.renew_interval_s:
            return False
        self._asked_at_s[name] = now_s
        return True

    # Renewing by the log.

    def _may_renew_as_leader(self, now_s: BootSeconds) -> bool:
        """Return whether to renew for as long as a proof: proofs come, but renew nothing.

        If they are late this node is busy, and needs more time.
        """
        if not self._leading.is_leader or self._proofs_renew:
            return False
        return now_s >= self.policy.as_leader_from_s(self._whole_sent_s, self._ttl_s_max)

    def _renewal_as_leader(self, now_s: BootSeconds) -> LeaseRenew:
        until_s = self.policy.proved_until_s(now_s, self._ttl_s_min)
        self._renew_due_s = self.policy.prove_due_s(now_s, until_s)
        return LeaseRenew(session=self.session, number=self._count(now_s, above=AS_LEADER))

    def _renewal(self, now_s: BootSeconds) -> LeaseRenew:
        self._whole_sent_s = now_s
        self._renew_due_s = now_s + self.policy.renew_interval_s
        if self._leading.is_leader and not self._proofs_renew:
            # As the leader, if what is held lasts long enough.
            next_s = self.policy.as_leader_from_s(now_s, self._ttl_s_max)
            until_s = self.policy.valid_until_s(now_s, self._ttl_s_min)
            if next_s - now_s < 0.45 * (until_s - now_s):
                self._renew_due_s = max(self._renew_due_s, next_s)
        return LeaseRenew(session=self.session, number=self._count(now_s))

    @property
    def _ttl_s_min(self) -> float:
        return min((lease.ttl_s for lease in self._mine()), default=self.policy.ttl_s)

    # Acquiring.

    def _acquire(self, name: str, want: Want, now_s: BootSeconds) -> LeaseAcquire:
        is_leader = self._leading.is_leader
        self._ttl_s_max = max(self._ttl_s_max, want.ttl_s)
        if not is_leader:
            self._whole_sent_s = now_s
        if not self._held:
            self._renew_due_s = now_s + self.policy.renew_interval_s
            if is_leader:  # proofs will come
                until_s = self.policy.proved_until_s(now_s, want.ttl_s)
                self._renew_due_s = self.policy.log_due_s(now_s, until_s)
        return LeaseAcquire(
            name=name,
            holder=self.node_name,
            session=self.session,
            ttl_s=want.ttl_s,
            number=self._count(now_s, above=AS_LEADER if is_leader else 0),
        )

    @property
    def _wants_proof(self) -> bool:
        return bool(self._held) or self._earlier_until_s == float("inf")

    def _prove(self, now_s: BootSeconds) -> None:
        """Ask for a proof, which renews what is held and tells when others' leases end."""
        if self._wants_proof and now_s >= self._prove_due_s:
            self._prove_due_s = now_s + self.policy.renew_interval_s
            question = LeadershipProve(session=self.session, number=self._count(now_s))
            self._effects.append(Prove(question))

    # What the leader does for all.

    def _ends_of_expired(self, now_s: BootSeconds) -> list[Message]:
        """Return what ends leases whose time is over: for the leader of this term and no other.

        A later leader must wait anew: it may have renewed them by proof.
        """
        commands: list[Message] = []
        for seen in list(self._table.values()):
            lease = seen.lease
            if now_s < self._free_at_s(seen) or not self._may_ask(lease.name, now_s):
                continue
            token, renewed_index = lease.fencing_token, lease.renewed_index
            ends = LeaseExpire(name=lease.name, fencing_token=token, renewed_index=renewed_index)
            commands.append(ends)
            want = self._wanted.get(lease.name)
            if want is not None and not self._why_not(lease.name):
                commands.append(self._acquire(lease.name, want, now_s))
        return commands

    def _free_at_s(self, seen: _Seen) -> float:
        """Return when this leader may end a lease; inf: it does not know yet."""
        lease = seen.lease
        if lease.session == self.session:
            return float("inf")
        of_earlier_s = self.policy.free_of_earlier_at_s(self._earlier_until_s, lease.ttl_s)
        # What this node itself acquired, in an earlier session, may be of this very term.
        if lease.number >= AS_LEADER and lease.holder != self.node_name:
            return of_earlier_s
        return max(self.policy.free_at_s(seen.at_s, lease.ttl_s), of_earlier_s)

    def _claims(self, now_s: BootSeconds) -> list[Message]:
        commands: list[Message] = []
        for name, want in self._wanted.items():
            seen = self._table.get(name)
            # A lease of this node's earlier life cannot be given back: it expires.
            if seen is None or seen.lease.holder == self.node_name:
                continue
            if not want.follows_leader or self._why_not(name) or now_s < self._claim_at_s(name):
                continue
            self._claimed_at_s[name] = now_s
            token = seen.lease.fencing_token
            commands.append(LeaseClaim(name=name, fencing_token=token, claimant=self.node_name))
        return commands

    def _claim_at_s(self, name: str) -> float:
        since_s = max(self._wanted_since_s[name], self._leader_since_s)
        return max(since_s, self._claimed_at_s.get(name, since_s)) + self.policy.takeover_after_s

    def _mine(self) -> list[Lease]:
        return [one.lease for one in self._table.values() if one.lease.session == self.session]

    def _count(self, now_s: BootSeconds, *, above: int = 0) -> int:
        self._number += 1
        number = above + self._number
        self._sent_at_s[number] = now_s
        if len(self._sent_at_s) > _SENT_REMEMBERED:
            del self._sent_at_s[next(iter(self._sent_at_s))]
        return number


def _release(lease: Lease) -> LeaseRelease:
    return LeaseRelease(name=lease.name, session=lease.session, fencing_token=lease.fencing_token)
