"""What one node does about leases: acquire what is wanted, renew, stop in time, release, expire.

A grant is held once: after it was lost for any reason, its fencing token is never acted on again,
and the lease is given back, to be acquired anew under a new one.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.effects import Note
from constellation.leases.effects import LeaseEffect, Propose, Tell
from constellation.leases.policy import LeasePolicy
from constellation.leases.table import LEASES_MAX
from messages.base import Message
from messages.leases import (
    Lease,
    LeaseAcquire,
    LeaseAcquired,
    LeaseExpire,
    LeaseFreed,
    LeaseLost,
    LeaseRelease,
    LeaseRenew,
    LeasesChanged,
    LeaseTableState,
)

WANTED_MAX = 256
REFUSED_S = 0.2  # until a renewal that was refused is tried again
_IDLE_S = 60.0
_SENT_REMEMBERED = 64  # commands whose time of sending is known; older ones are long decided


@dataclass(frozen=True, slots=True)
class Want:
    """A lease that this node is to hold if it can."""

    ttl_s: float
    follows_leader: bool = True


@dataclass(slots=True)
class _Seen:
    lease: Lease
    at_s: float  # when this node learnt of the last grant or renewal


class LeaseKeeper:
    """The lease manager of one node, in one life (`session`)."""

    def __init__(self, *, node_name: str, session: str, policy: LeasePolicy) -> None:
        self.node_name = node_name
        self.session = session
        self.policy = policy
        self.is_leader = False
        self._is_closing = False
        self._index = 0  # of the log, up to which the table is known
        self._wanted: dict[str, Want] = {}
        self._table: dict[str, _Seen] = {}
        self._held: dict[str, LeaseAcquired] = {}
        # Grants of this session that are over, by token: until when what they allowed may go on.
        self._acting_until_s: dict[int, float] = {}
        self._sent_at_s: dict[int, float] = {}  # by number of command
        self._number = 0
        self._asked_at_s: dict[str, float] = {}  # when a lease was last asked for, or given back
        self._renew_due_s = float("-inf")
        self._effects: list[LeaseEffect] = []

    @property
    def held(self) -> dict[str, LeaseAcquired]:
        """What this node may act on, by name; each until its own time."""
        return dict(self._held)

    @property
    def table(self) -> tuple[Lease, ...]:
        """All leases that anybody holds, as far as this node knows."""
        return tuple(self._table[name].lease for name in sorted(self._table))

    @property
    def owns_none(self) -> bool:
        """Whether the table has no lease of this session: all is given back."""
        return not self._mine()

    def next_due_s(self, now_s: float) -> float:
        """Return when `tick` must be called next, if it was called at `now_s`."""
        due_s = [self._renew_due_s]
        due_s += [held.valid_until_s for held in self._held.values()]
        due_s += self._acting_until_s.values()
        due_s += [at_s + self.policy.renew_interval_s for at_s in self._asked_at_s.values()]
        if self.is_leader:
            due_s += [self._free_at_s(seen) for seen in self._table.values()]
        # What was due by now was done by the last tick, or waits for one of the others.
        return min((at_s for at_s in due_s if at_s > now_s), default=now_s + _IDLE_S)

    # What happens.

    def want(self, name: str, want: Want, now_s: float) -> list[LeaseEffect]:
        """Hold a lease as soon as it can be, and as long.

        Raises:
            ValueError: too many are wanted, or the time is too short for the policy.
        """
        if name not in self._wanted and len(self._wanted) >= WANTED_MAX:
            raise ValueError(f"{WANTED_MAX} leases are wanted here already: {name} is one too many")
        LeasePolicy(  # checks that the time is long enough to be renewed
            ttl_s=want.ttl_s,
            renew_interval_s=self.policy.renew_interval_s,
            margin_s=self.policy.margin_s,
            clock_drift=self.policy.clock_drift,
        )
        self._wanted[name] = want
        return self.tick(now_s)

    def refused(self, now_s: float) -> list[LeaseEffect]:
        """Take it that nothing could be proposed: ask again when there is a leader."""
        self._asked_at_s.clear()
        self._renew_due_s = now_s + REFUSED_S
        return []

    def let_go(self, fencing_token: int, now_s: float) -> list[LeaseEffect]:
        """Take it that nobody in this node acts on a lost lease any more: others may have it."""
        if fencing_token in self._acting_until_s:
            self._acting_until_s[fencing_token] = now_s
        return self.tick(now_s)

    def unwant(self, name: str, now_s: float) -> list[LeaseEffect]:
        """Give a lease back, and do not take it again."""
        self._wanted.pop(name, None)
        return self.tick(now_s)

    def close(self, now_s: float) -> list[LeaseEffect]:
        """Give everything back, and take nothing any more: this node ends."""
        self._is_closing = True
        return self.tick(now_s)

    def set_leader(self, *, is_leader: bool, now_s: float) -> list[LeaseEffect]:
        """Take note whether this node leads."""
        self.is_leader = is_leader
        return self.tick(now_s)

    def restore(self, state: LeaseTableState, now_s: float) -> list[LeaseEffect]:
        """Take the whole table; of what was known already, the time it was learnt stays."""
        if state.index < self._index:
            return []  # of a Raft actor that has just started: it does not know yet what we do
        self._index = state.index
        before, self._table = self._table, {}
        for lease in state.leases:
            known = before.get(lease.name)
            is_same = known is not None and known.lease == lease
            self._see(lease, known.at_s if known and is_same else now_s)
        for name in list(self._held):
            self._check_held(name, now_s)
        known_tokens = {lease.fencing_token for lease in state.leases}
        for token in set(self._acting_until_s) - known_tokens:
            del self._acting_until_s[token]
        return self.tick(now_s)

    def change(self, changed: LeasesChanged, now_s: float) -> list[LeaseEffect]:
        """Take what changed in the table."""
        if changed.index <= self._index:
            return []
        self._index = changed.index
        for freed in changed.freed:
            self._end(freed, now_s)
        for lease in changed.held:
            self._see(lease, now_s)
            self._check_held(lease.name, now_s)
        return self.tick(now_s)

    def _end(self, freed: LeaseFreed, now_s: float) -> None:
        seen = self._table.get(freed.name)
        if seen and seen.lease.fencing_token == freed.fencing_token:
            del self._table[freed.name]
        self._asked_at_s.pop(freed.name, None)
        self._check_held(freed.name, now_s)
        self._acting_until_s.pop(freed.fencing_token, None)

    def _see(self, lease: Lease, now_s: float) -> None:
        self._table[lease.name] = _Seen(lease, now_s)
        sent_at_s = self._sent_at_s.get(lease.number)
        if lease.session != self.session or sent_at_s is None:
            return
        valid_until_s = self.policy.valid_until_s(sent_at_s, lease.ttl_s)
        held = self._held.get(lease.name)
        is_over = lease.fencing_token in self._acting_until_s or valid_until_s <= now_s
        if is_over or (held is not None and held.valid_until_s >= valid_until_s):
            return
        news = LeaseAcquired(
            name=lease.name, fencing_token=lease.fencing_token, valid_until_s=valid_until_s
        )
        if held is None:
            fields = {"lease": lease.name, "fencing_token": lease.fencing_token}
            self._effects.append(Note("lease_acquired", fields))
        self._held[lease.name] = news
        self._effects.append(Tell(news))

    def _check_held(self, name: str, now_s: float) -> None:
        held, seen = self._held.get(name), self._table.get(name)
        if held and (seen is None or seen.lease.fencing_token != held.fencing_token):
            self._lose(name, now_s, "the cluster took it: it was not renewed in time")

    # What is due.

    def tick(self, now_s: float) -> list[LeaseEffect]:
        """Stop what must stop, and ask for what is to be asked for."""
        self._stop_in_time(now_s)
        commands: list[Message] = []
        for lease in self._mine():
            # A grant that came too late was never held; given back, it must not be any more.
            is_over = now_s >= self._acting_until_s.get(lease.fencing_token, now_s)
            if lease.name not in self._held and is_over and self._may_ask(lease.name, now_s):
                self._acting_until_s.setdefault(lease.fencing_token, now_s)
                commands.append(_release(lease))
        is_full = len(self._table) >= LEASES_MAX
        for name, want in self._wanted.items():
            if name in self._table or not self._may_hold(name) or not self._may_ask(name, now_s):
                continue
            if is_full:
                fields = {"lease": name, "leases": len(self._table)}
                self._effects.append(Note("lease_table_full", fields, "warning"))
            else:
                commands.append(self._acquire(name, want, now_s))
        if self._held and now_s >= self._renew_due_s:
            self._renew_due_s = now_s + self.policy.renew_interval_s
            commands.append(LeaseRenew(session=self.session, number=self._count(now_s)))
        if self.is_leader:
            commands += self._expired(now_s)
        if commands:
            self._effects.append(Propose(tuple(commands)))
        effects, self._effects = self._effects, []
        return effects

    def _stop_in_time(self, now_s: float) -> None:
        for name, held in list(self._held.items()):
            if now_s >= held.valid_until_s:
                self._lose(name, now_s, "it was not renewed in time")
            elif not self._may_hold(name):
                self._lose(name, now_s, self._why_not(name))

    def _lose(self, name: str, now_s: float, why: str) -> None:
        held = self._held.pop(name)
        # Whoever acts on it hears of this later, and may begin until the time it was told of.
        self._acting_until_s[held.fencing_token] = held.valid_until_s + self.policy.margin_s
        self._asked_at_s.pop(name, None)
        fields = {"lease": name, "fencing_token": held.fencing_token, "why": why}
        self._effects.append(Note("lease_lost", fields))
        self._effects.append(Tell(LeaseLost(name=name, fencing_token=held.fencing_token, why=why)))

    def _may_hold(self, name: str) -> bool:
        want = self._wanted.get(name)
        if want is None or self._is_closing:
            return False
        return self.is_leader or not want.follows_leader

    def _why_not(self, name: str) -> str:
        if self._is_closing:
            return "this node ends"
        return "it is wanted no more" if name not in self._wanted else "this node leads no more"

    def _may_ask(self, name: str, now_s: float) -> bool:
        """Return whether it was not just asked for; it is taken to be asked for now then."""
        if now_s < self._asked_at_s.get(name, float("-inf")) + self.policy.renew_interval_s:
            return False
        self._asked_at_s[name] = now_s
        return True

    def _acquire(self, name: str, want: Want, now_s: float) -> LeaseAcquire:
        if not self._held:
            self._renew_due_s = now_s + self.policy.renew_interval_s
        return LeaseAcquire(
            name=name,
            holder=self.node_name,
            session=self.session,
            ttl_s=want.ttl_s,
            number=self._count(now_s),
        )

    def _expired(self, now_s: float) -> list[Message]:
        return [
            LeaseExpire(
                name=seen.lease.name,
                fencing_token=seen.lease.fencing_token,
                renewed_index=seen.lease.renewed_index,
            )
            for seen in self._table.values()
            if now_s >= self._free_at_s(seen) and self._may_ask(seen.lease.name, now_s)
        ]

    def _free_at_s(self, seen: _Seen) -> float:
        return self.policy.free_at_s(seen.at_s, seen.lease.ttl_s)

    def _mine(self) -> list[Lease]:
        return [one.lease for one in self._table.values() if one.lease.session == self.session]

    def _count(self, now_s: float) -> int:
        self._number += 1
        self._sent_at_s[self._number] = now_s
        self._sent_at_s.pop(self._number - _SENT_REMEMBERED, None)
        return self._number


def _release(lease: Lease) -> LeaseRelease:
    return LeaseRelease(name=lease.name, session=lease.session, fencing_token=lease.fencing_token)
