"""The selector and the timers of a process."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from actors.transport.reactor import NEVER, READ, Reactor
from tests.transport.ends import open_files, run_until


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()


def test_timers_run_in_order_of_time_and_then_of_setting(reactor: Reactor) -> None:
    ran: list[str] = []
    now_s = time.monotonic()
    for at_s, name in ((now_s + 0.001, "c"), (now_s, "a"), (now_s, "b")):
        reactor.call_at(at_s, lambda name=name: ran.append(name))  # type: ignore[misc]

    run_until(reactor, lambda: len(ran) == 3)

    assert ran == ["a", "b", "c"]


def test_timer_ends_a_wait(reactor: Reactor) -> None:
    ran: list[bool] = []
    reactor.call_at(time.monotonic() + 0.01, lambda: ran.append(True))

    reactor.poll(None)

    assert ran == [True]


@pytest.mark.case("C7")
def test_wait_may_be_longer_than_the_kernel_can_count(reactor: Reactor) -> None:
    reactor.call_at(time.monotonic() + 366 * 86_400, lambda: None)
    reactor.wake()

    reactor.poll(366 * 86_400)


def test_cancelled_timer_does_not_run(reactor: Reactor) -> None:
    ran: list[bool] = []
    timer = reactor.call_at(0.0, lambda: ran.append(True))

    timer.cancel()
    timer.cancel()
    reactor.poll(0.0)

    assert ran == []
    assert not timer.is_waiting


def test_timer_that_ran_is_not_pending_and_may_be_cancelled(reactor: Reactor) -> None:
    timer = reactor.call_at(0.0, lambda: None)
    before = timer.is_waiting

    reactor.poll(0.0)
    timer.cancel()

    assert (before, timer.is_waiting) == (True, False)
    assert reactor._cancelled_count == 0


def test_timer_may_set_and_cancel_others(reactor: Reactor) -> None:
    ran: list[str] = []
    cancelled = reactor.call_at(0.2, lambda: ran.append("cancelled"))

    def first() -> None:
        cancelled.cancel()
        reactor.call_at(0.3, lambda: ran.append("set"))

    reactor.call_at(0.1, first)
    reactor.poll(0.0)

    assert ran == ["set"]


def test_cancelled_timers_do_not_accumulate(reactor: Reactor) -> None:
    kept = [reactor.call_at(time.monotonic() + 3600, lambda: None) for _ in range(10)]

    for _ in range(10_000):
        reactor.call_at(time.monotonic() + 3600, lambda: None).cancel()

    assert len(reactor._timers) < 200
    assert all(timer.is_waiting for timer in kept)


def test_null_timer_is_not_pending() -> None:
    NEVER.cancel()
    NEVER.run()

    assert not NEVER.is_waiting


def test_wake_ends_a_wait_and_only_one(reactor: Reactor) -> None:
    reactor.wake()
    reactor.wake()
    reactor.poll(None)
    began_s = time.monotonic()

    reactor.poll(0.01)

    assert time.monotonic() - began_s >= 0.009


def test_wake_after_close_writes_to_no_file() -> None:
    """A child may die, and its signal be handled, when the numbers are others' already."""
    reactor = Reactor()
    woken = reactor._wake
    reactor.close()
    counter = os.eventfd(0, os.EFD_NONBLOCK)
    os.dup2(counter, woken)

    reactor.wake()

    with pytest.raises(BlockingIOError):
        os.eventfd_read(counter)
    for number in {counter, woken}:
        os.close(number)


def test_handler_is_called_with_what_is_ready(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    events: list[int] = []
    reactor.register(pair[0], READ, events.append)

    reactor.poll(0.0)
    pair[1].send(b"x")
    reactor.poll(0.0)

    assert events == [READ]


def test_file_closed_by_an_earlier_handler_of_the_same_poll_is_skipped(reactor: Reactor) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    called: list[int] = []

    def close_other(number: int) -> None:
        called.append(number)
        other = pairs[1 - number][0]
        if other.fileno() >= 0:
            reactor.unregister(other.fileno())
            other.close()

    for number, (one, other) in enumerate(pairs):
        reactor.register(one, READ, lambda _, number=number: close_other(number))  # type: ignore[misc]
        other.send(b"x")

    reactor.poll(0.1)

    assert len(called) == 1
    for one, other in pairs:
        one.close()
        other.close()


def test_file_that_cannot_be_watched_leaves_no_handler(reactor: Reactor) -> None:
    with open("/dev/null", "rb") as null, pytest.raises(PermissionError):  # noqa: PTH123
        reactor.register(null.fileno(), READ, lambda _: None)

    assert len(reactor._handlers) == 1


def test_close_closes_registered_sockets_and_its_own_files() -> None:
    before = open_files()
    reactor = Reactor()
    one, other = socket.socketpair()
    reactor.register(one, READ, lambda _: None)
    reactor.call_at(0.0, lambda: None)
    other.close()

    reactor.close()

    assert one.fileno() == -1
    assert open_files() == before
