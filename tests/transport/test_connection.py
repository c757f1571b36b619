"""One connected socket: its queue, its close, and frames that cannot be handled."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from actors.transport import stats
from actors.transport.connection import Connection, peer_name
from actors.transport.reactor import READ, Reactor
from constellation.errors import WireError
from constellation.transport.frame import LENGTH_BYTES, frame
from tests.transport.ends import open_files, run_for, run_until

QUEUE_BYTES_MAX = 1000


class End:
    """One end as a Connection, the other as a plain socket."""

    def __init__(self, reactor: Reactor) -> None:
        ours, self.other = socket.socketpair()
        self.other.setblocking(False)
        self.frames: list[bytes] = []
        self.closed: list[str] = []
        self.on_frame: Callable[[bytes], None] = self.frames.append
        self.connection = Connection(
            reactor,
            ours,
            on_frame=self._take,
            on_closed=self.closed.append,
            queue_bytes_max=QUEUE_BYTES_MAX,
        )

    def _take(self, body: bytes) -> None:
        self.on_frame(body)

    def stuff(self) -> None:
        """Have the kernel take no more."""
        filler = bytes(1 << 16)
        try:
            while True:
                self.connection.socket.send(filler)
        except BlockingIOError:
            pass


@pytest.fixture
def end(reactor: Reactor) -> Iterator[End]:
    made = End(reactor)
    yield made
    made.connection.close("over")
    made.other.close()


def test_frame_is_handed_to_the_kernel_at_once(end: End) -> None:
    assert end.connection.send(b"body")

    assert end.other.recv(100) == frame(b"body")
    assert not end.connection.queue


def test_frames_queue_up_to_the_limit_to_the_byte(end: End) -> None:
    end.stuff()
    body = bytes(QUEUE_BYTES_MAX - LENGTH_BYTES)

    assert not end.connection.has_room(len(body) + 1)
    assert not end.connection.send(body + b"\x00")
    assert end.connection.send(body)

    assert len(end.connection.queue) == QUEUE_BYTES_MAX
    assert not end.connection.has_room(0)
    assert not end.connection.send(b"")


def test_queue_is_sent_when_the_other_side_reads_again(reactor: Reactor, end: End) -> None:
    end.stuff()
    end.connection.send(b"queued")
    received = bytearray()

    def read() -> bool:
        received.extend(end.other.recv(1 << 20))
        return received.endswith(frame(b"queued"))

    run_until(reactor, read)

    assert not end.connection.queue


def test_empty_queue_is_not_watched_for(reactor: Reactor, end: End) -> None:
    test_queue_is_sent_when_the_other_side_reads_again(reactor, end)
    woken: list[int] = []
    end.connection.reactor._handlers[end.connection.socket.fileno()] = woken.append

    run_for(reactor)

    assert woken == []


def test_nothing_is_sent_or_queued_after_close(end: End) -> None:
    end.stuff()
    end.connection.send(b"queued")

    end.connection.close("over")

    assert not end.connection.send(b"more")
    assert not end.connection.has_room(0)
    assert not end.connection.queue


def test_owner_is_notified_of_the_close_once(end: End) -> None:
    def close_again(reason: str) -> None:
        end.closed.append(reason)
        end.connection.close("again")

    end.connection._on_closed = close_again

    end.connection.close("first")
    end.connection.close("later")

    assert end.closed == ["first"]


def test_owner_sees_the_unsent_queue_when_notified_of_the_close(end: End) -> None:
    queued: list[int] = []
    end.stuff()
    end.connection.send(b"queued")
    end.connection._on_closed = lambda _: queued.append(len(end.connection.queue))

    end.connection.close("over")

    assert queued == [len(frame(b"queued"))]


def test_close_by_the_other_side_is_detected(reactor: Reactor, end: End) -> None:
    end.other.close()

    run_until(reactor, lambda: end.closed)

    assert end.closed == ["closed by the other side"]


def test_send_that_breaks_closes(end: End) -> None:
    end.other.close()

    assert not end.connection.send(b"x")

    assert len(end.closed) == 1


def test_queue_that_breaks_closes(reactor: Reactor, end: End) -> None:
    end.stuff()
    end.connection.send(b"queued")
    end.other.close()

    run_until(reactor, lambda: end.closed)

    assert len(end.closed) == 1


def test_frames_after_close_are_not_delivered(reactor: Reactor, end: End) -> None:
    def close(body: bytes) -> None:
        end.frames.append(body)
        end.connection.close("enough")

    end.on_frame = close
    end.other.send(frame(b"one") + frame(b"two"))

    run_until(reactor, lambda: end.closed)
    run_for(reactor)

    assert end.frames == [b"one"]
    assert end.closed == ["enough"]


def test_refused_frame_closes_and_is_counted(reactor: Reactor, end: End) -> None:
    def refuse(_: bytes) -> None:
        raise WireError("not so", reason="malformed")

    end.on_frame = refuse
    end.other.send(frame(b"one") + frame(b"two"))

    run_until(reactor, lambda: end.closed)

    assert end.closed == ["not so"]
    assert stats.COUNTERS["refused", "malformed"] == 1


def test_frame_that_triggers_a_bug_closes_only_its_connection(reactor: Reactor, end: End) -> None:
    def fail(_: bytes) -> None:
        raise ZeroDivisionError

    healthy = End(reactor)
    end.on_frame = fail
    end.other.send(frame(b"one"))
    healthy.other.send(frame(b"two"))

    run_until(reactor, lambda: end.closed and healthy.frames)

    assert healthy.closed == []
    assert stats.COUNTERS["refused", "failed"] == 1
    healthy.connection.close("over")
    healthy.other.close()


def test_close_leaves_no_open_file(reactor: Reactor) -> None:
    before = open_files()

    for _ in range(10):
        made = End(reactor)
        made.connection.close("over")
        made.other.close()

    assert open_files() == before


def test_reused_file_number_does_not_reach_the_closed_connection(reactor: Reactor) -> None:
    first = End(reactor)
    number = first.connection.socket.fileno()
    first.connection.close("over")
    second = End(reactor)
    assert number in {second.connection.socket.fileno(), second.other.fileno()}

    first.connection._ready(READ)
    second.other.send(frame(b"for the second"))
    run_until(reactor, lambda: second.frames)

    assert first.frames == []
    for made in (first, second):
        made.connection.close("over")
        made.other.close()


def test_peer_name_is_readable(reactor: Reactor, end: End) -> None:
    assert peer_name(end.connection.socket) == "a process of this node"
    end.connection.close("over")
    assert peer_name(end.connection.socket) == "a closed connection"
