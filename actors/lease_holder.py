"""Shells that act on leases: the shell of `constellation.leases.holder`, plain and for asyncio.

A shell that acts on a lease derives from one of these two, says what it wants with `want_lease`,
and puts every act under the lease into a permit:

    with self.lease_write("dns-writer") as permit:                 # LeaseHolderShell
        if permit is not None:
            write(record, token=permit.fencing_token)

    async with self.lease_write("dns-writer", confirmed=True) as permit:   # AsyncLeaseHolderShell
        ...

Subscriptions, renewals, restarts of the `leases` actor and letting go need no code of the subclass.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from thespian.actors import ActorAddress

from actors import node
from actors.async_shell import AsyncShell
from actors.shell import ShellActor
from constellation.effects import Note, Send
from constellation.errors import ConstellationError
from constellation.leases.effects import (
    Confirmed,
    Gained,
    Gone,
    HolderEffect,
    Overdue,
    WritePermit,
)
from constellation.leases.holder import LEASES, LeaseHolder
from constellation.log import get_logger
from messages.leases import LeaseAcquired, LeaseLost, LeaseRefused
from messages.lifecycle import ActorDirectory, ActorStart
from messages.raft_member import LeasesReadDone

log = get_logger(__name__)

OVERDUE_LOOK_S = 0.25  # longest time after which an overdue write is noticed
GIVE_BACK_TIMEOUT_S = 0.5  # of an actor that stops while it writes
GIVE_BACK_LOOK_S = 0.01

FromManager = LeaseAcquired | LeaseLost | LeaseRefused
WhenConfirmed = Callable[[WritePermit | None], None]


class WriteAbandonedError(ConstellationError):
    """A write was cancelled because another node may hold the lease; it may have been done."""


class _WantsLeases(ShellActor):
    """What both shells share: the holder, and what the actor wants."""

    _holder: LeaseHolder

    def want_lease(
        self,
        name: str,
        *,
        ttl_s: float | None = None,
        follows_leader: bool = True,
        unable: tuple[str, ...] = (),
        is_passive: bool = False,
    ) -> None:
        """Act on a lease whenever this node can hold it.

        Args:
            name: of the lease.
            ttl_s: time after which it expires; None: the setting `leases.ttl_s`.
            follows_leader: prefer the node that leads Raft.
            unable: nodes that are known not to want it, and are not waited for.
            is_passive: only while another actor makes this node hold it.
        """
        now_s = self.boot_now_s()
        self._perform_lease(
            self._holder.want(
                name,
                now_s,
                ttl_s=ttl_s,
                follows_leader=follows_leader,
                unable=unable,
                is_passive=is_passive,
            )
        )

    def unwant_lease(self, name: str) -> None:
        """Act on a lease no more: another node may have it when the last write has ended."""
        self._perform_lease(self._holder.unwant(name, self.boot_now_s()))

    def receiveMsg_ActorStart(self, message: ActorStart, sender: ActorAddress) -> None:
        self._holder = LeaseHolder(margin_s=node.settings().leases.margin_s)
        super().receiveMsg_ActorStart(message, sender)

    def _perform_lease(self, effects: Sequence[HolderEffect]) -> None:
        raise NotImplementedError

    def _lease_wait_s(self) -> float:
        """Return after how many seconds the holder is due; soon, while a write may be overdue.

        Timers stop while the machine is suspended, so a long wait would end too late.
        """
        now_s = self.boot_now_s()
        wait_s = max(0.0, self._holder.next_due_s(now_s) - now_s)
        return min(wait_s, OVERDUE_LOOK_S) if self._holder.is_writing else wait_s


class LeaseHolderShell(_WantsLeases):
    """Base of shells that act on leases in their handlers.

    A subclass that has deadlines of its own calls `next_due_s` and `on_due` of this class too.
    """

    # What subclasses override.

    def on_lease_acquired(self, name: str, fencing_token: int) -> None:
        """Acting on the lease is possible from now on."""

    def on_lease_lost(self, name: str, fencing_token: int, why: str) -> None:
        """Stop acting on the lease.  It is not let go before this returns."""

    # What subclasses use.

    def begin_write(self, name: str) -> WritePermit | None:
        """Return a permit that must be given back by `end_write`; None: do not write."""
        return self._holder.begin_write(name, self.boot_now_s())

    def end_write(self, permit: WritePermit) -> None:
        """Note that nothing of the write goes on."""
        self._perform_lease(self._holder.end_write(permit, self.boot_now_s()))

    @contextlib.contextmanager
    def lease_write(self, name: str) -> Iterator[WritePermit | None]:
        """Write for as long as the block lasts, if the permit is not None."""
        permit = self.begin_write(name)
        try:
            yield permit
        finally:
            if permit is not None:
                self.end_write(permit)

    def confirm_write(self, name: str, then: WhenConfirmed) -> None:
        """Call `then` with a permit if the cluster confirms that the lease is held here.

        `then` must give the permit back by `end_write`.  Without one it must not write.
        """
        number, effects = self._holder.confirm(name, self.boot_now_s())
        self._when_confirmed[number] = then
        self._perform_lease(effects)

    # The holder's side.

    def receiveMsg_ActorStart(self, message: ActorStart, sender: ActorAddress) -> None:
        self._when_confirmed: dict[int, WhenConfirmed] = {}
        super().receiveMsg_ActorStart(message, sender)

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        before = self.directory.get(LEASES)
        super().receiveMsg_ActorDirectory(message, sender)
        if self.directory.get(LEASES) not in (None, before):
            self._perform_lease(self._holder.manager_started(self.boot_now_s()))

    def next_due_s(self) -> float:
        return self.now_s() + self._lease_wait_s()

    def on_due(self, now_s: float) -> None:
        self._perform_lease(self._holder.tick(self.boot_now_s()))

    def on_stop(self) -> None:
        for name in self._holder.wanted:
            self.unwant_lease(name)
        super().on_stop()

    def receiveMsg_LeaseAcquired(self, message: LeaseAcquired, sender: ActorAddress) -> None:
        self._perform_lease(self._holder.receive(message, self.boot_now_s()))

    def receiveMsg_LeaseLost(self, message: LeaseLost, sender: ActorAddress) -> None:
        self._perform_lease(self._holder.receive(message, self.boot_now_s()))

    def receiveMsg_LeaseRefused(self, message: LeaseRefused, sender: ActorAddress) -> None:
        self._perform_lease(self._holder.receive(message, self.boot_now_s()))

    def receiveMsg_LeasesReadDone(self, message: LeasesReadDone, sender: ActorAddress) -> None:
        self._perform_lease(self._holder.receive_read(message, self.boot_now_s()))

    def _perform_lease(self, effects: Sequence[HolderEffect]) -> None:
        for effect in effects:
            match effect:
                case Send() | Note():
                    self.perform(effect)
                case Gained(name, token):
                    self.on_lease_acquired(name, token)
                case Gone(permit, why, _):
                    self.on_lease_lost(permit.lease, permit.fencing_token, why)
                    self.end_write(permit)
                case Confirmed(number, confirmed):
                    self._when_confirmed.pop(number)(confirmed)
                case Overdue():
                    continue  # a handler that writes cannot be interrupted; it is logged


class AsyncLeaseHolderShell(_WantsLeases, AsyncShell):
    """Base of shells that act on leases on their loop.  All methods are called on the loop."""

    # What subclasses override.

    async def on_lease_acquired(self, name: str, fencing_token: int) -> None:
        """Acting on the lease is possible from now on."""

    def on_lease_closed(self, name: str, fencing_token: int) -> None:
        """The lease is lost: `on_lease_lost` follows, as soon as `on_lease_acquired` returns."""

    async def on_lease_lost(self, name: str, fencing_token: int, why: str) -> None:
        """Stop acting on the lease.  It is not let go before this returns.

        It is cancelled when another node may act on the lease, unless that was so already when it
        began: then nothing is won by stopping halfway.
        """

    # What subclasses use.

    @contextlib.asynccontextmanager
    async def lease_write(
        self, name: str, *, confirmed: bool = False
    ) -> AsyncIterator[WritePermit | None]:
        """Write for as long as the block lasts, if the permit is not None.

        Args:
            name: of the lease.
            confirmed: ask the cluster first whether the lease is held here.

        Raises:
            WriteAbandonedError: the block lasted longer than the lease, and was cancelled.
        """
        permit = await self._confirm_lease(name) if confirmed else self._begin_lease_write(name)
        if permit is None:
            yield None
            return
        deadline = asyncio.timeout(None)
        try:
            async with deadline:
                self._write_deadlines[permit.number] = deadline
                yield permit
        except TimeoutError as error:
            if not deadline.expired():
                raise
            why = f"a write under {name} took longer than the lease; it may have been done or not"
            raise WriteAbandonedError(why) from error
        finally:
            self._write_deadlines.pop(permit.number, None)
            self._end_lease_write(permit)

    # The holder's side.

    def receiveMsg_ActorStart(self, message: ActorStart, sender: ActorAddress) -> None:
        self._write_deadlines: dict[int, asyncio.Timeout] = {}  # by number of the permit
        self._lease_answers: dict[int, asyncio.Future[WritePermit | None]] = {}
        self._lease_turns: dict[str, asyncio.Lock] = {}  # hooks of one lease run in turn
        self._lease_timer: asyncio.TimerHandle | None = None
        super().receiveMsg_ActorStart(message, sender)

    def on_actor_up(self, name: str) -> None:
        super().on_actor_up(name)
        if name == LEASES and self.loop is not None:
            self.loop.call_soon_threadsafe(self._on_leases_started)

    def on_stop(self) -> None:
        if self.loop is not None and self.loop.is_running():
            done = asyncio.run_coroutine_threadsafe(self._give_all_back(), self.loop)
            with contextlib.suppress(TimeoutError):  # then only the time of the leases ends them
                done.result(GIVE_BACK_TIMEOUT_S)
        super().on_stop()

    async def _give_all_back(self) -> None:
        for name in self._holder.wanted:
            self.unwant_lease(name)
        while self._holder.is_writing:
            await asyncio.sleep(GIVE_BACK_LOOK_S)

    def receiveMsg_LeaseAcquired(self, message: LeaseAcquired, sender: ActorAddress) -> None:
        self._hand_to_loop(message)

    def receiveMsg_LeaseLost(self, message: LeaseLost, sender: ActorAddress) -> None:
        self._hand_to_loop(message)

    def receiveMsg_LeaseRefused(self, message: LeaseRefused, sender: ActorAddress) -> None:
        self._hand_to_loop(message)

    def receiveMsg_LeasesReadDone(self, message: LeasesReadDone, sender: ActorAddress) -> None:
        self._hand_to_loop(message)

    def _hand_to_loop(self, message: FromManager | LeasesReadDone) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self._receive_lease, message)

    def _receive_lease(self, message: FromManager | LeasesReadDone) -> None:
        now_s = self.boot_now_s()
        if isinstance(message, LeasesReadDone):
            self._perform_lease(self._holder.receive_read(message, now_s))
        else:
            self._perform_lease(self._holder.receive(message, now_s))

    def _on_leases_started(self) -> None:
        self._perform_lease(self._holder.manager_started(self.boot_now_s()))

    def _on_lease_tick(self) -> None:
        self._perform_lease(self._holder.tick(self.boot_now_s()))

    def _begin_lease_write(self, name: str) -> WritePermit | None:
        permit = self._holder.begin_write(name, self.boot_now_s())
        self._arm_lease_timer()
        return permit

    def _end_lease_write(self, permit: WritePermit) -> None:
        self._perform_lease(self._holder.end_write(permit, self.boot_now_s()))

    async def _confirm_lease(self, name: str) -> WritePermit | None:
        number, effects = self._holder.confirm(name, self.boot_now_s())
        answer = self._lease_answers[number] = asyncio.get_running_loop().create_future()
        self._perform_lease(effects)
        try:
            permit: WritePermit | None = await answer
        except asyncio.CancelledError:
            is_answered = answer.done() and not answer.cancelled()
            if is_answered and (late := answer.result()) is not None:
                self._end_lease_write(late)
            raise
        finally:
            del self._lease_answers[number]
        return permit

    def _perform_lease(self, effects: Sequence[HolderEffect]) -> None:
        for effect in effects:
            match effect:
                case Send(to, message):
                    self.post_soon(to, message)
                case Note():
                    self.perform(effect)
                case Gained(name, token):
                    self.spawn(self._begin_acting(name, token), "on_lease_acquired")
                case Gone(permit):
                    self.on_lease_closed(permit.lease, permit.fencing_token)
                    self.spawn(self._stop_acting(effect), "on_lease_lost")
                case Confirmed(number, permit):
                    self._answer_confirm(number, permit)
                case Overdue(permit):
                    if deadline := self._write_deadlines.get(permit.number):
                        deadline.reschedule(asyncio.get_running_loop().time())
        self._arm_lease_timer()

    def _answer_confirm(self, number: int, permit: WritePermit | None) -> None:
        answer = self._lease_answers.get(number)
        if answer is not None and not answer.done():
            answer.set_result(permit)
        elif permit is not None:  # nobody waits for it any more
            self._end_lease_write(permit)

    async def _begin_acting(self, name: str, fencing_token: int) -> None:
        async with self._lease_turns.setdefault(name, asyncio.Lock()):
            await self.on_lease_acquired(name, fencing_token)

    async def _stop_acting(self, gone: Gone) -> None:
        permit = gone.permit
        async with self._lease_turns.setdefault(permit.lease, asyncio.Lock()):
            left_s = gone.until_s - self.boot_now_s()
            limit = asyncio.timeout(left_s if left_s > 0 else None)
            try:
                async with limit:
                    await self.on_lease_lost(permit.lease, permit.fencing_token, gone.why)
            except TimeoutError:
                if not limit.expired():
                    raise
                fields = {"lease": permit.lease, "fencing_token": permit.fencing_token}
                log.warning("lease_stop_abandoned", **fields)
                return  # not let go: the lease ends when its time is over
        self._end_lease_write(permit)

    def _arm_lease_timer(self) -> None:
        """Call `tick` when it is due."""
        if self._lease_timer is not None:
            self._lease_timer.cancel()
        loop = asyncio.get_running_loop()
        self._lease_timer = loop.call_later(self._lease_wait_s(), self._on_lease_tick)
