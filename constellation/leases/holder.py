"""The one way to act on a lease: one actor's side of the leases that it wants.

Theory of operation.  For each lease that the actor wants there is at most one *open* grant, under
which writes may begin:

    LeaseAcquired                      opens a grant, or prolongs it
    LeaseLost, or its time is over     closes it: no write begins any more
    unwant, or a confirmed read        closes it too
      that shows another grant

Writes begun under a grant are counted.  What the actor owes to the lease manager follows from that:

- `LeaseLetGo` answers `LeaseLost`, and only that, as soon as the last write has ended.  The lease
  manager may release the lease then, so it is never sent while a write goes on.  Nothing of that
  grant is ever opened again.
- A grant whose time is over here may still be held by the node (this process was late).  Nothing is
  owed; the next `LeaseAcquired` opens it again.
- `LeaseUnwanted` is sent when the actor does not want the lease and the last write has ended.  Only
  then may it be wanted again, under a new number.

Every message may be lost.  A want is repeated until the lease is held; its number tells whether the
manager knows the latest want; a `LeaseAcquired` that does not fit is answered by what was lost.

A write must end by the end of its grant and the margin.  After that another node may act, so the
write is abandoned (`Overdue`), and the manager must not be told that the actor has let go.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from constellation.effects import Note, Send
from constellation.leases.clock import BootSeconds
from constellation.leases.effects import (
    Confirmed,
    Gained,
    Gone,
    HolderEffect,
    Overdue,
    WritePermit,
)
from constellation.value import Value
from messages.leases import (
    LeaseAcquired,
    LeaseLetGo,
    LeaseLost,
    LeaseRefused,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.raft_member import LeasesRead, LeasesReadDone

LEASES, RAFT = "leases", "raft"  # the actors of this node that it talks to
WANT_RESEND_S = 5.0
CONFIRM_TIMEOUT_S = 2.0  # the Raft actor answers within 1.5 s
WRITES_MAX = 1024
CONFIRMS_MAX = 256
_IDLE_S = 60.0


@dataclass(slots=True)
class _Grant:
    """A grant under which something may still be in progress."""

    fencing_token: int
    valid_until_s: float
    is_open: bool = False  # writes may begin
    is_lost: bool = False  # `LeaseLost` was received: `LeaseLetGo` is owed
    writes: dict[int, WritePermit] = field(default_factory=dict)  # in progress, by number


@dataclass(slots=True)
class _Lease:
    """What the actor wants of one lease, and the grants that are open or have writes."""

    name: str
    want: LeaseWanted | None = None
    number: int = 0  # of the latest want
    asked_at_s: float = 0.0
    is_refused: bool = False
    is_leaving: bool = False  # `LeaseUnwanted` is owed
    over_token: int = 0  # grants up to this one are never opened again
    latest_token: int = 0  # of the latest grant that was open
    abandoned_token: int = 0  # of the latest grant with a write that was abandoned
    grants: dict[int, _Grant] = field(default_factory=dict)

    @property
    def open_grant(self) -> _Grant | None:
        return next((grant for grant in self.grants.values() if grant.is_open), None)

    @property
    def is_writing(self) -> bool:
        return any(grant.writes for grant in self.grants.values())


class _Question(Value):
    lease: str
    fencing_token: int
    due_s: float


class LeaseHolder:
    """The leases of one actor.  Times are CLOCK_BOOTTIME."""

    def __init__(self, *, margin_s: float) -> None:
        self._margin_s = margin_s
        self._leases: dict[str, _Lease] = {}
        self._questions: dict[int, _Question] = {}  # reads under way, by number
        self._number = 0
        self._effects: list[HolderEffect] = []

    @property
    def wanted(self) -> tuple[str, ...]:
        """The leases that the actor wants."""
        return tuple(name for name, lease in self._leases.items() if lease.want is not None)

    @property
    def is_writing(self) -> bool:
        """Whether any write is in progress."""
        return any(lease.is_writing for lease in self._leases.values())

    def next_due_s(self, now_s: BootSeconds) -> float:
        """Return when `tick` must be called next, if it was called at `now_s`."""
        due_s = [question.due_s for question in self._questions.values()]
        for lease in self._leases.values():
            due_s += [grant.valid_until_s for grant in lease.grants.values() if grant.is_open]
            due_s += [self._overdue_at_s(one) for one in lease.grants.values() if one.writes]
            if self._is_to_ask_again(lease):
                due_s.append(lease.asked_at_s + WANT_RESEND_S)
        return min(due_s, default=now_s + _IDLE_S)

    # What the actor wants.

    def want(
        self,
        name: str,
        now_s: BootSeconds,
        *,
        ttl_s: float | None = None,
        follows_leader: bool = True,
        unable: tuple[str, ...] = (),
        is_passive: bool = False,
    ) -> list[HolderEffect]:
        """Hold a lease whenever this node can get it; again, to change what is wanted."""
        lease = self._leases.setdefault(name, _Lease(name))
        lease.number += 1
        lease.want = LeaseWanted(
            name=name,
            ttl_s=ttl_s,
            follows_leader=follows_leader,
            unable=unable,
            is_passive=is_passive,
            number=lease.number,
        )
        if not lease.is_leaving:  # else as soon as the last write has ended
            self._ask(lease, now_s)
        return self._take_effects()

    def unwant(self, name: str, now_s: BootSeconds) -> list[HolderEffect]:
        """Stop acting on a lease now, and give it back when the last write has ended."""
        lease = self._leases.get(name)
        if lease is None or lease.want is None:
            return []
        lease.want = None
        if not lease.is_leaving:
            lease.is_leaving = True
            self._close_all(lease, "it is not wanted any more")
            self._leave_if_done(lease, now_s)
        return self._take_effects()

    # What the actor does.

    def begin_write(self, name: str, now_s: BootSeconds) -> WritePermit | None:
        """Return the permit for one write; None: the actor must not write.

        Args:
            name: of the lease.
            now_s: read after everything that could have delayed this process.
        """
        grant = self._open_at(name, now_s)
        if grant is None or self._writes_count() >= WRITES_MAX:
            return None
        return self._permit(name, grant)

    def end_write(self, permit: WritePermit, now_s: BootSeconds) -> list[HolderEffect]:
        """Note that nothing of a write goes on, whether it succeeded or not."""
        lease = self._leases[permit.lease]
        grant = lease.grants.get(permit.fencing_token)
        if grant is not None and grant.writes.pop(permit.number, None) is not None:
            self._settle(lease, grant)
            self._leave_if_done(lease, now_s)
        return self._take_effects()

    def confirm(self, name: str, now_s: BootSeconds) -> tuple[int, list[HolderEffect]]:
        """Ask the cluster whether the lease is held here; `Confirmed` of that number follows.

        For a write to a system that cannot refuse an old fencing token: the clock of a paused
        virtual machine may have stopped with it, and only the cluster knows what happened since.
        """
        self._number += 1
        number, grant = self._number, self._open_at(name, now_s)
        if grant is None:
            self._effects.append(Confirmed(number, None, "this node does not hold the lease"))
        elif len(self._questions) >= CONFIRMS_MAX:
            self._effects.append(Confirmed(number, None, "too many reads are under way"))
        else:
            due_s = now_s + CONFIRM_TIMEOUT_S
            self._questions[number] = _Question(name, grant.fencing_token, due_s)
            self._effects.append(Send(RAFT, LeasesRead(number=number)))
        return number, self._take_effects()

    # What the actor receives.

    def receive(
        self, message: LeaseAcquired | LeaseLost | LeaseRefused, now_s: BootSeconds
    ) -> list[HolderEffect]:
        """Handle a message of the lease manager."""
        self._stop_in_time(now_s)
        lease = self._leases.setdefault(message.name, _Lease(message.name))
        match message:
            case LeaseAcquired():
                self._on_acquired(lease, message, now_s)
            case LeaseLost(fencing_token=token, why=why):
                self._on_lost(lease, token, why)
            case LeaseRefused(why=why):
                if not lease.is_refused:
                    fields = {"lease": lease.name, "why": why}
                    self._effects.append(Note("lease_want_refused", fields, "warning"))
                lease.is_refused = True
        return self._take_effects()

    def receive_read(self, message: LeasesReadDone, now_s: BootSeconds) -> list[HolderEffect]:
        """Handle the answer to a confirmed read."""
        self._stop_in_time(now_s)
        question = self._questions.pop(message.number, None)
        if question is None:
            return self._take_effects()  # it took too long
        name, token = question.lease, question.fencing_token
        grant = self._open_at(name, now_s)
        permit, why = None, ""
        if not message.is_confirmed:
            why = "no leader confirmed it"
        elif not any(
            (one.name, one.fencing_token) == (name, token) for one in message.state.leases
        ):
            why = "the cluster has ended the grant"
            self._end_for_good(self._leases[name], token, why)
        elif grant is None or grant.fencing_token != token:
            why = "the lease was lost meanwhile"
        else:
            permit = self._permit(name, grant)
        self._effects.append(Confirmed(message.number, permit, why))
        return self._take_effects()

    def manager_started(self, now_s: BootSeconds) -> list[HolderEffect]:
        """Subscribe again: the lease manager has started, and knows nothing."""
        for lease in self._leases.values():
            if lease.want is not None and not lease.is_leaving:
                lease.number += 1  # what the earlier manager still sends does not count
                self._ask(lease, now_s)
        return self._take_effects()

    def tick(self, now_s: BootSeconds) -> list[HolderEffect]:
        """Stop what must stop, and repeat what was not answered."""
        self._stop_in_time(now_s)
        for number, question in list(self._questions.items()):
            if now_s >= question.due_s:
                del self._questions[number]
                self._effects.append(Confirmed(number, None, "no answer in time"))
        for lease in self._leases.values():
            if self._is_to_ask_again(lease) and now_s >= lease.asked_at_s + WANT_RESEND_S:
                self._ask(lease, now_s)
        return self._take_effects()

    # Grants.

    def _on_acquired(self, lease: _Lease, message: LeaseAcquired, now_s: BootSeconds) -> None:
        token = message.fencing_token
        if lease.want is None and not lease.is_leaving:
            self._say_unwanted(lease)  # it was lost
            return
        if lease.is_leaving or token <= lease.over_token:
            return
        if message.number != lease.number:
            self._ask(lease, now_s)  # the latest want was lost, or is still under way
            return
        grant = lease.grants.get(token)
        if grant is None:
            self._close_all(lease, "this node holds it under a new grant")
            lease.over_token, lease.latest_token = token - 1, token
            grant = lease.grants[token] = _Grant(token, message.valid_until_s)
        grant.valid_until_s = max(grant.valid_until_s, message.valid_until_s)
        if not grant.is_open and now_s < grant.valid_until_s:
            grant.is_open = True
            self._effects.append(Gained(lease.name, token))
        self._settle(lease, grant)

    def _on_lost(self, lease: _Lease, token: int, why: str) -> None:
        self._end_for_good(lease, token, why)
        grant = lease.grants.get(token)
        if grant is None:
            self._let_go(lease, token)
        else:
            grant.is_lost = True
            self._settle(lease, grant)

    def _end_for_good(self, lease: _Lease, token: int, why: str) -> None:
        lease.over_token = max(lease.over_token, token)
        grant = lease.grants.get(token)
        if grant is not None:
            self._close(lease, grant, why)

    def _close_all(self, lease: _Lease, why: str) -> None:
        for grant in list(lease.grants.values()):
            self._close(lease, grant, why)

    def _close(self, lease: _Lease, grant: _Grant, why: str) -> None:
        """Let no write begin any more; the actor gets a last permit, to stop."""
        if grant.is_open:
            grant.is_open = False
            until_s = self._overdue_at_s(grant)
            self._effects.append(Gone(self._permit(lease.name, grant), why, until_s))

    def _stop_in_time(self, now_s: BootSeconds) -> None:
        for lease in self._leases.values():
            for grant in list(lease.grants.values()):
                # Before the close: the permit to stop is not a write that took too long.
                is_overdue = bool(grant.writes) and now_s >= self._overdue_at_s(grant)
                if grant.is_open and now_s >= grant.valid_until_s:
                    self._close(lease, grant, "its time is over: no renewal arrived")
                if is_overdue:
                    self._abandon(lease, grant)
            self._leave_if_done(lease, now_s)

    def _abandon(self, lease: _Lease, grant: _Grant) -> None:
        """Give up writes that must have ended.  Nobody knows whether they have: no letting go."""
        lease.abandoned_token = grant.fencing_token
        for permit in grant.writes.values():
            fields = {"lease": permit.lease, "fencing_token": permit.fencing_token}
            self._effects += [Overdue(permit), Note("lease_write_overdue", fields, "error")]
        del lease.grants[grant.fencing_token]

    def _overdue_at_s(self, grant: _Grant) -> float:
        return grant.valid_until_s + self._margin_s

    def _open_at(self, name: str, now_s: BootSeconds) -> _Grant | None:
        lease = self._leases.get(name)
        grant = lease.open_grant if lease else None
        return grant if grant is not None and now_s < grant.valid_until_s else None

    def _permit(self, name: str, grant: _Grant) -> WritePermit:
        self._number += 1
        permit = WritePermit(name, grant.fencing_token, self._number)
        grant.writes[permit.number] = permit
        return permit

    def _writes_count(self) -> int:
        grants = (one for lease in self._leases.values() for one in lease.grants.values())
        return sum(len(grant.writes) for grant in grants)

    # What is owed to the lease manager.

    def _settle(self, lease: _Lease, grant: _Grant) -> None:
        """Forget a grant that is closed and without writes; let go of it if it was lost."""
        if grant.is_open or grant.writes:
            return
        del lease.grants[grant.fencing_token]
        if grant.is_lost:
            self._let_go(lease, grant.fencing_token)

    def _let_go(self, lease: _Lease, token: int) -> None:
        if token != lease.abandoned_token:
            self._effects.append(Send(LEASES, LeaseLetGo(name=lease.name, fencing_token=token)))

    def _leave_if_done(self, lease: _Lease, now_s: BootSeconds) -> None:
        if not lease.is_leaving or lease.is_writing:
            return
        lease.is_leaving = False
        self._say_unwanted(lease)
        if lease.want is not None:
            self._ask(lease, now_s)

    def _say_unwanted(self, lease: _Lease) -> None:
        has_let_go = lease.latest_token == 0 or lease.abandoned_token != lease.latest_token
        unwanted = LeaseUnwanted(name=lease.name, has_let_go=has_let_go)
        self._effects.append(Send(LEASES, unwanted))

    def _ask(self, lease: _Lease, now_s: BootSeconds) -> None:
        assert lease.want is not None, "only a wanted lease is asked for"
        lease.want = lease.want.model_copy(update={"number": lease.number})
        lease.asked_at_s, lease.is_refused = now_s, False
        self._effects.append(Send(LEASES, lease.want))

    def _is_to_ask_again(self, lease: _Lease) -> bool:
        is_idle = lease.open_grant is None and not lease.is_refused and not lease.is_leaving
        return lease.want is not None and is_idle

    def _take_effects(self) -> list[HolderEffect]:
        effects, self._effects = self._effects, []
        return effects
