"""The shells of the lease holder, plain and on a loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from thespian.actors import ActorAddress

from actors.lease_holder import AsyncLeaseHolderShell, LeaseHolderShell, WriteAbandonedError
from constellation.leases.clock import BootSeconds
from constellation.leases.effects import WritePermit
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from messages.leases import (
    LeaseAcquired,
    LeaseLetGo,
    LeaseLost,
    LeaseRefused,
    LeaseTableState,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.raft_member import LeasesRead, LeasesReadDone
from tests.harness import Harness
from tests.leases.commands import held

SETTINGS = Settings(node_name="alpha", data_dir="/nonexistent")
LEASES = ActorAddress(ActorRef("127.0.0.1", 7947, "leases"))


def acquired(until_s: float, token: int = 7, number: int = 1) -> LeaseAcquired:
    return LeaseAcquired(name="lb", fencing_token=token, valid_until_s=until_s, number=number)


LOST = LeaseLost(name="lb", fencing_token=7, why="test")
LET_GO = LeaseLetGo(name="lb", fencing_token=7)
WANTED = LeaseWanted(name="lb", number=1)
AGAIN = LeaseWanted(name="lb", number=2)


def confirmed(number: int, token: int = 7) -> LeasesReadDone:
    state = LeaseTableState(index=100, leases=(held(token),))
    return LeasesReadDone(number=number, state=state, is_confirmed=True)


# Plain.


class Writer(LeaseHolderShell):
    """Remembers what it is told, and writes while it is told that it lost the lease."""

    def on_start(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.want_lease("lb")

    def on_lease_acquired(self, name: str, fencing_token: int) -> None:
        with self.lease_write(name) as permit:
            self.told.append(("acquired", permit and permit.fencing_token))

    def on_lease_lost(self, name: str, fencing_token: int, why: str) -> None:
        with self.lease_write(name) as permit:
            self.told.append(("lost", fencing_token, permit))


class Plain:
    """A started plain shell with a clock of its own."""

    def __init__(self) -> None:
        self.now_s, self.monotonic_s = 1000.0, 1.0
        self.actor = Writer()
        self.actor.boot_now_s = lambda: BootSeconds(self.now_s)  # type: ignore[method-assign]
        self.actor.now_s = lambda: self.monotonic_s  # type: ignore[method-assign]
        self.harness = Harness(self.actor, SETTINGS, name="dns", neighbours=("leases", "raft"))

    def to_leases(self) -> list[Any]:
        return self.harness.sent_to("leases")


@pytest.fixture
def plain() -> Plain:
    return Plain()


def test_want_of_an_actor_reaches_a_manager_that_starts_later_and_each_one_after(
    plain: Plain,
) -> None:
    assert plain.to_leases() == [AGAIN]

    plain.harness.neighbours("leases", "raft", generation=1)

    assert plain.to_leases() == [AGAIN, LeaseWanted(name="lb", number=3)]


def test_plain_actor_writes_while_it_holds_the_lease(plain: Plain) -> None:
    plain.harness.deliver(acquired(1010.0, number=2))

    assert plain.actor.told == [("acquired", 7)]
    with plain.actor.lease_write("other") as permit:
        assert permit is None


def test_plain_actor_lets_go_after_it_was_told_and_its_write_has_ended(plain: Plain) -> None:
    plain.harness.deliver(acquired(1010.0, number=2))
    permit = plain.actor.begin_write("lb")
    assert permit is not None
    plain.harness.deliver(LOST)
    assert plain.actor.told[-1] == ("lost", 7, None)
    assert LET_GO not in plain.to_leases()

    plain.actor.end_write(permit)
    assert plain.to_leases()[-1] == LET_GO


def test_plain_actor_stops_when_the_machine_was_suspended_for_longer_than_the_lease(
    plain: Plain,
) -> None:
    plain.harness.deliver(acquired(1010.0, number=2))
    plain.now_s = 1010.0  # and no monotonic time has passed
    assert plain.actor.begin_write("lb") is None

    plain.harness.tick()
    assert plain.actor.told[-1] == ("lost", 7, None)


def test_plain_actor_writes_after_a_confirmed_read_only_if_the_lease_is_still_held(
    plain: Plain,
) -> None:
    plain.harness.deliver(acquired(1010.0, number=2))
    permits: list[WritePermit | None] = []
    for token in (7, 8):
        plain.actor.confirm_write("lb", permits.append)
        (*_, read) = plain.harness.sent_to("raft")
        assert isinstance(read, LeasesRead)
        plain.harness.deliver(confirmed(read.number, token))

    assert [permit and permit.fencing_token for permit in permits] == [7, None]
    assert plain.actor.begin_write("lb") is None


def test_plain_actor_gives_its_lease_back_when_it_stops(plain: Plain) -> None:
    plain.harness.deliver(acquired(1010.0, number=2))
    plain.harness.stop()

    assert plain.to_leases()[-1] == LeaseUnwanted(name="lb")


def test_refusal_leaves_a_plain_actor_without_the_lease(plain: Plain) -> None:
    plain.harness.deliver(LeaseRefused(name="lb", why="this node is a witness"))

    assert plain.actor.begin_write("lb") is None


# On a loop.


class LoopWriter(AsyncLeaseHolderShell):
    """Writes for as long as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self.is_to_write = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.confirmed = False

    async def run(self) -> None:
        self.want_lease("lb")
        self.started()
        while True:
            await self.is_to_write.wait()
            self.is_to_write.clear()
            try:
                async with self.lease_write("lb", confirmed=self.confirmed) as permit:
                    self.told.append(f"writes with {permit and permit.fencing_token}")
                    await self.may_end.wait()
                    self.told.append("has written")
            except WriteAbandonedError:
                self.told.append("abandoned")

    async def on_lease_acquired(self, name: str, fencing_token: int) -> None:
        await asyncio.sleep(0.01)
        self.told.append(f"acquired {fencing_token}")

    async def on_lease_lost(self, name: str, fencing_token: int, why: str) -> None:
        await self.may_stop.wait()
        self.told.append(f"lost {fencing_token}")


class OnLoop:
    """A started shell with a loop; its clock is the real one, and what is added to it."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self.is_stopped = False
        self.actor = LoopWriter()
        self.actor.boot_now_s = self.now_s  # type: ignore[method-assign]
        self.harness = Harness(self.actor, SETTINGS, name="dns")
        self.harness.neighbours("leases", "raft")
        self.until(lambda: AGAIN in self.to_leases())

    def now_s(self) -> BootSeconds:
        return BootSeconds(time.clock_gettime(time.CLOCK_BOOTTIME) + self.slept_s)

    def to_leases(self) -> list[Any]:
        return self.harness.sent_to("leases")

    def until(self, condition: Callable[[], bool]) -> None:
        self.harness.pump_until(condition)

    def set(self, event: asyncio.Event) -> None:
        assert self.actor.loop is not None
        self.actor.loop.call_soon_threadsafe(event.set)

    def stop(self) -> None:
        if not self.is_stopped:
            self.is_stopped = True
            self.harness.stop()

    def acquire(self) -> None:
        self.harness.deliver(acquired(self.now_s() + 10.0, number=2))
        self.until(lambda: self.actor.told == ["acquired 7"])

    def write(self) -> None:
        self.set(self.actor.is_to_write)
        self.until(lambda: self.actor.told[-1] == "writes with 7")


@pytest.fixture
def on_loop() -> Iterator[OnLoop]:
    made = OnLoop()
    yield made
    made.stop()


def test_actor_on_a_loop_lets_go_after_its_write_and_after_it_has_stopped(on_loop: OnLoop) -> None:
    on_loop.acquire()
    on_loop.write()
    on_loop.harness.deliver(LOST)
    on_loop.set(on_loop.actor.may_stop)
    on_loop.until(lambda: on_loop.actor.told[-1] == "lost 7")
    assert LET_GO not in on_loop.to_leases()

    on_loop.set(on_loop.actor.may_end)
    on_loop.until(lambda: LET_GO in on_loop.to_leases())
    assert on_loop.actor.told[-1] == "has written"


def test_actor_on_a_loop_does_not_let_go_before_it_has_stopped(on_loop: OnLoop) -> None:
    on_loop.acquire()
    on_loop.harness.deliver(LOST)
    on_loop.set(on_loop.actor.is_to_write)
    on_loop.until(lambda: on_loop.actor.told[-1] == "writes with None")
    assert LET_GO not in on_loop.to_leases()

    on_loop.set(on_loop.actor.may_stop)
    on_loop.until(lambda: LET_GO in on_loop.to_leases())


def test_write_on_a_loop_that_outlasts_its_lease_is_cancelled(on_loop: OnLoop) -> None:
    on_loop.acquire()
    on_loop.write()
    on_loop.set(on_loop.actor.may_stop)
    on_loop.slept_s = 11.0  # the machine was suspended: the loop's clock knows nothing of it

    on_loop.until(lambda: "abandoned" in on_loop.actor.told)
    on_loop.harness.deliver(LOST)
    on_loop.until(lambda: "lost 7" in on_loop.actor.told)
    assert LET_GO not in on_loop.to_leases()


def test_write_on_a_loop_after_a_confirmed_read(on_loop: OnLoop) -> None:
    on_loop.acquire()
    on_loop.actor.confirmed = True
    on_loop.set(on_loop.actor.is_to_write)
    on_loop.until(lambda: bool(on_loop.harness.sent_to("raft")))
    (read,) = on_loop.harness.sent_to("raft")
    assert on_loop.actor.told == ["acquired 7"]

    on_loop.harness.deliver(confirmed(read.number))
    on_loop.until(lambda: on_loop.actor.told[-1] == "writes with 7")


def test_actor_on_a_loop_subscribes_to_a_manager_that_starts_again(on_loop: OnLoop) -> None:
    on_loop.harness.neighbours("leases", "raft", generation=1)

    on_loop.until(lambda: on_loop.to_leases()[-1] == LeaseWanted(name="lb", number=3))


def test_actor_on_a_loop_gives_its_lease_back_when_it_stops(on_loop: OnLoop) -> None:
    on_loop.acquire()
    on_loop.set(on_loop.actor.may_stop)
    on_loop.stop()

    assert on_loop.to_leases()[-1] == LeaseUnwanted(name="lb")


def test_actor_on_a_loop_that_cannot_stop_in_time_does_not_let_go(on_loop: OnLoop) -> None:
    on_loop.acquire()
    on_loop.write()
    on_loop.stop()

    assert on_loop.to_leases()[-1] == AGAIN


def test_cancelled_question_leaves_no_permit_behind(on_loop: OnLoop) -> None:
    on_loop.acquire()
    on_loop.set(on_loop.actor.may_stop)
    loop = on_loop.actor.loop
    assert loop is not None

    async def ask() -> None:
        async with on_loop.actor.lease_write("lb", confirmed=True):
            raise AssertionError("the question was cancelled")

    asked = asyncio.run_coroutine_threadsafe(ask(), loop)
    on_loop.until(lambda: bool(on_loop.harness.sent_to("raft")))
    asked.cancel()
    (read,) = on_loop.harness.sent_to("raft")
    on_loop.harness.deliver(confirmed(read.number))
    on_loop.harness.deliver(LOST)

    on_loop.until(lambda: LET_GO in on_loop.to_leases())
