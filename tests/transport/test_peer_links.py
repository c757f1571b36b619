"""Two nodes over real sockets: what passes, what is kept, what is dropped and counted."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Iterator

import pytest

from actors.transport import peer_links, stats
from actors.transport.reactor import Reactor
from constellation.transport import session
from constellation.transport.frame import frame
from tests.components.ports import free_port
from tests.transport.ends import (
    HOST,
    OTHER_KEY,
    QUEUE_BYTES_MAX,
    Acceptor,
    Dialler,
    RawPeer,
    open_files,
    run_for,
    run_until,
)

BIG = 1 << 14  # a few of these fill the queue
UNREACHABLE, REFUSED = ("dropped", "peer_unreachable"), ("dropped", "peer_refused")


@pytest.fixture
def link(reactor: Reactor, acceptor: Acceptor) -> Iterator[Dialler]:
    made = Dialler(reactor, acceptor.node)
    yield made
    made.close()


def connected(reactor: Reactor, acceptor: Acceptor, link: Dialler) -> None:
    assert link.send(b"hello")
    run_until(reactor, lambda: acceptor.bodies)
    acceptor.bodies.clear()


def fill(link: Dialler, body: bytes = bytes(BIG)) -> int:
    """Send until no more is taken; return how many were."""
    return next(number for number in itertools.count() if not link.send(body))


def test_envelopes_sent_before_it_is_connected_arrive_in_order(
    reactor: Reactor, acceptor: Acceptor, link: Dialler
) -> None:
    bodies = [str(number).encode() for number in range(100)]

    assert all(link.send(body) for body in bodies)

    run_until(reactor, lambda: len(acceptor.bodies) == 100)
    assert acceptor.bodies == bodies
    assert not link.pending()
    assert len(acceptor.accepted) == 1


def test_acceptor_answers_on_the_same_connection(
    reactor: Reactor, acceptor: Acceptor, link: Dialler
) -> None:
    connected(reactor, acceptor, link)

    assert acceptor.joined[0].send(b"answer")

    run_until(reactor, lambda: link.answers)
    assert link.answers == [b"answer"]


def test_what_the_kernel_takes_only_in_parts_arrives_whole(
    reactor: Reactor, acceptor: Acceptor
) -> None:
    link = Dialler(reactor, acceptor.node, queue_bytes_max=8 << 20)
    bodies = [bytes([number]) * (3 << 20) for number in range(2)]

    assert all(link.send(body) for body in bodies)

    run_until(reactor, lambda: len(acceptor.bodies) == 2)
    assert acceptor.bodies == bodies
    link.close()


def test_nothing_is_sent_while_not_connected_beyond_the_limit(reactor: Reactor) -> None:
    link = Dialler(reactor, (HOST, 1), queue_bytes_max=100)
    link._try_again_at_s = float("inf")

    taken = [link.send(bytes(30)) for _ in range(5)]

    assert taken == [True, True, True, False, False]
    link.close()
    assert stats.COUNTERS[UNREACHABLE] == 3


def test_peer_that_never_reads_has_its_queue_limited_and_nobody_else_waits(
    reactor: Reactor, acceptor: Acceptor, link: Dialler
) -> None:
    other_node = Acceptor(reactor)
    other = Dialler(reactor, other_node.node)
    connected(reactor, acceptor, link)
    reactor.modify(acceptor.joined[0].connection.socket.fileno(), 0)

    fill(link)

    assert link._connection is not None
    assert len(link._connection.queue) <= QUEUE_BYTES_MAX
    assert other.send(b"meanwhile")
    run_until(reactor, lambda: other_node.bodies == [b"meanwhile"])
    other.close()
    other_node.close()


@pytest.mark.parametrize("short_bytes", [0, 1, 10, 20, 21])
def test_what_was_dropped_for_a_full_queue_does_not_break_the_connection(
    reactor: Reactor, acceptor: Acceptor, link: Dialler, short_bytes: int
) -> None:
    """A frame that was sealed and then not queued would leave a gap in the numbers."""
    connected(reactor, acceptor, link)
    acceptor_file = acceptor.joined[0].connection.socket.fileno()
    reactor.modify(acceptor_file, 0)
    taken = fill(link)
    assert link._connection is not None
    left_bytes = QUEUE_BYTES_MAX - len(link._connection.queue)
    taken += link.send(bytes(left_bytes - short_bytes))

    reactor.modify(acceptor_file, 1)
    run_until(reactor, lambda: len(acceptor.bodies) == taken)
    assert link.send(b"afterwards")

    run_until(reactor, lambda: acceptor.bodies[-1] == b"afterwards")
    assert acceptor.open_count() == 1


def test_answers_that_a_peer_does_not_read_are_limited_too(
    reactor: Reactor, acceptor: Acceptor, link: Dialler
) -> None:
    connected(reactor, acceptor, link)
    assert link._connection is not None
    link_file = link._connection.socket.fileno()
    reactor.modify(link_file, 0)
    peer = acceptor.joined[0]
    taken = next(number for number in itertools.count() if not peer.send(bytes(BIG)))

    reactor.modify(link_file, 1)
    run_until(reactor, lambda: len(link.answers) == taken)
    assert peer.send(b"afterwards")

    run_until(reactor, lambda: link.answers[-1] == b"afterwards")


def test_refused_connection_drops_and_counts_what_waited(reactor: Reactor) -> None:
    link = Dialler(reactor, (HOST, free_port()))

    link.send(b"one")
    link.send(b"two")
    run_until(reactor, lambda: not link.pending())

    assert stats.COUNTERS[UNREACHABLE] == 2
    assert "refused" in stats.LATEST[UNREACHABLE]


def test_node_that_came_back_gets_what_is_sent_after_the_wait(
    reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_links, "RECONNECT_WAIT_S", 0.05)
    port = free_port()
    link = Dialler(reactor, (HOST, port))
    link.send(b"lost")
    run_until(reactor, lambda: not link.pending())
    back = Acceptor(reactor, port)

    assert link.send(b"kept")
    assert back.accepted == []

    run_until(reactor, lambda: back.bodies)
    assert back.bodies == [b"kept"]
    link.close()
    back.close()


def test_node_known_to_be_back_is_dialled_at_once(
    reactor: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_links, "RECONNECT_WAIT_S", 3600.0)
    port = free_port()
    link = Dialler(reactor, (HOST, port))
    link.send(b"lost")
    run_until(reactor, lambda: not link.pending())
    back = Acceptor(reactor, port)
    link.send(b"kept")

    link.try_now()

    run_until(reactor, lambda: back.bodies == [b"kept"])
    link.close()
    back.close()


def test_peer_that_vanishes_is_noticed_and_what_it_had_not_taken_is_counted(
    reactor: Reactor, acceptor: Acceptor, link: Dialler
) -> None:
    connected(reactor, acceptor, link)
    reactor.modify(acceptor.joined[0].connection.socket.fileno(), 0)
    fill(link)

    acceptor.joined[0].connection.close("gone")

    run_until(reactor, lambda: not link.pending())
    assert stats.COUNTERS["dropped", "peer_lost"] == 1
    assert link._connection is None


def test_link_connects_anew_after_its_peer_restarted(
    reactor: Reactor, acceptor: Acceptor, link: Dialler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_links, "RECONNECT_WAIT_S", 0.01)
    connected(reactor, acceptor, link)
    acceptor.joined[0].connection.close("restart")
    run_until(reactor, lambda: link._connection is None)

    assert link.send(b"news")

    run_until(reactor, lambda: acceptor.bodies == [b"news"])
    assert len(acceptor.joined) == 2


def test_timer_of_an_attempt_that_ended_does_not_end_a_later_one(
    reactor: Reactor, acceptor: Acceptor, link: Dialler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_links, "CONNECT_TIMEOUT_S", 0.05)
    monkeypatch.setattr(peer_links, "RECONNECT_WAIT_S", 0.1)
    connected(reactor, acceptor, link)
    acceptor.joined[0].connection.close("restart")
    run_until(reactor, lambda: link._connection is None)

    assert link.send(b"waits longer than the first attempt was given")

    run_until(reactor, lambda: acceptor.bodies)
    assert stats.COUNTERS[UNREACHABLE] == 0


def test_acceptor_with_another_key_is_named_as_the_reason(
    reactor: Reactor, acceptor: Acceptor
) -> None:
    link = Dialler(reactor, acceptor.node, key=OTHER_KEY)

    link.send(b"secret")
    run_until(reactor, lambda: not link.pending())

    assert stats.COUNTERS[REFUSED] == 1
    assert stats.COUNTERS["refused", "unauthenticated"] == 1
    assert acceptor.bodies == []
    assert acceptor.joined == []


def test_relay_to_another_node_is_refused(reactor: Reactor, acceptor: Acceptor) -> None:
    """The initiator signs whom it dialled: here a relay, which passes all on as it is."""
    relay = socket.create_server((HOST, 0))
    link = Dialler(reactor, relay.getsockname()[:2])
    link.send(b"secret")
    towards_link, _ = relay.accept()
    towards_acceptor = RawPeer(reactor, acceptor.node)
    towards_link.sendall(frame(towards_acceptor.read_frame()))
    reactor.poll(0.1)
    run_until(reactor, lambda: link._handshake is not None)
    towards_acceptor.send(towards_link.recv(1000))

    run_until(reactor, towards_acceptor.is_hung_up_on)

    assert acceptor.joined == []
    assert stats.COUNTERS["refused", "unauthenticated"] == 1
    link.close()
    for one in (relay, towards_link, towards_acceptor.socket):
        one.close()


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        pytest.param(b"", None, id="nothing at all"),
        pytest.param(frame(session.greeting(bytes(32))), None, id="a greeting, then nothing"),
        pytest.param(frame(b"hello, who is there?"), "protocol", id="another protocol"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", "oversized", id="a web server"),
        pytest.param(
            frame(session.greeting(bytes(32))) + frame(bytes(16)), "unauthenticated", id="no proof"
        ),
        pytest.param(
            frame(session.greeting(bytes(32))) + struct.pack(">I", 1 << 20),
            "oversized",
            id="a large frame before it has proved itself",
        ),
    ],
)
def test_impostor_of_an_acceptor_gets_no_envelope(
    reactor: Reactor,
    nothing_decoded: None,
    monkeypatch: pytest.MonkeyPatch,
    said: bytes,
    counted: str | None,
) -> None:
    monkeypatch.setattr(peer_links, "CONNECT_TIMEOUT_S", 0.1)
    listener = socket.create_server((HOST, 0))
    link = Dialler(reactor, listener.getsockname()[:2])
    link.send(b"secret")
    impostor, _ = listener.accept()
    impostor.sendall(said)

    run_until(reactor, lambda: not link.pending())

    impostor.settimeout(1.0)
    assert b"secret" not in impostor.recv(1 << 16)
    assert stats.COUNTERS[UNREACHABLE] + stats.COUNTERS[REFUSED] == 1
    refused = {reason for kind, reason in stats.COUNTERS if kind == "refused"}
    assert refused == ({counted} if counted else set())
    if counted is None:
        assert stats.COUNTERS[UNREACHABLE] == 1, "silence says nothing about keys"
    impostor.close()
    listener.close()


@pytest.mark.parametrize("host", ["node-a.example", "localhost", "x" * 100, "1.2.3.4.5", "::zz"])
def test_host_that_is_no_address_is_not_looked_up(reactor: Reactor, host: str) -> None:
    link = Dialler(reactor, (host, 7947))

    assert not link.send(b"x")

    assert stats.COUNTERS[UNREACHABLE] == 1
    assert "does not appear to be" in stats.LATEST[UNREACHABLE]


def test_no_more_files_than_there_may_be_is_a_drop_and_no_crash(
    reactor: Reactor, acceptor: Acceptor, link: Dialler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)

    assert not link.send(b"x")
    link.try_now()

    assert stats.COUNTERS[UNREACHABLE] == 1


def test_failed_attempts_leave_no_file_and_no_timer(
    reactor: Reactor, acceptor: Acceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_links, "RECONNECT_WAIT_S", 0.0)
    refusing = Dialler(reactor, (HOST, free_port()))
    stranger = Dialler(reactor, acceptor.node, key=OTHER_KEY)
    before = open_files()

    for _ in range(100):
        for link in (refusing, stranger):
            link.send(b"x")
            run_until(reactor, lambda link=link: not link.pending())  # type: ignore[misc]
    run_until(reactor, lambda: acceptor.open_count() == 0)

    assert open_files() == before
    assert len(reactor._timers) < 150


def test_closing_a_link_in_any_state_leaves_no_file(reactor: Reactor, acceptor: Acceptor) -> None:
    before = open_files()

    for rounds in range(6):
        link = Dialler(reactor, acceptor.node)
        link.send(b"x")
        run_for(reactor, rounds)
        link.close()
        link.close()
        assert not link.pending()
    run_until(reactor, lambda: acceptor.accepted and acceptor.open_count() == 0)

    assert open_files() == before


def test_peer_that_floods_does_not_starve_another(
    reactor: Reactor, acceptor: Acceptor, link: Dialler
) -> None:
    flooder = Dialler(reactor, acceptor.node, queue_bytes_max=64 << 20)
    connected(reactor, acceptor, flooder)
    connected(reactor, acceptor, link)
    while flooder.send(bytes(1000)):
        pass
    assert link.send(b"small")

    run_until(reactor, lambda: b"small" in acceptor.bodies)

    assert len(acceptor.bodies) < 10_000
    assert flooder.pending()
    flooder.close()
