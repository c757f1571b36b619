"""Two nodes over real sockets: what is delivered, queued, dropped and counted."""

from __future__ import annotations

import itertools

import pytest

from actors.transport import peer_links, stats
from actors.transport.reactor import Reactor
from rigs.ports import free_port
from tests.transport.ends import (
    HOST,
    QUEUE_BYTES_MAX,
    Acceptor,
    Dialler,
    open_files,
    run_for,
    run_until,
)

BIG = 1 << 14  # a few of these fill the queue
UNREACHABLE = ("dropped", "peer_unreachable")


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


def test_envelope_that_the_kernel_accepts_in_parts_arrives_whole(
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


def test_queue_of_a_peer_that_never_reads_is_limited_and_delays_no_other(
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
def test_drop_for_a_full_queue_does_not_break_the_connection(
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


def test_refused_connection_drops_and_counts_queued_envelopes(reactor: Reactor) -> None:
    link = Dialler(reactor, (HOST, free_port()))

    link.send(b"one")
    link.send(b"two")
    run_until(reactor, lambda: not link.pending())

    assert stats.COUNTERS[UNREACHABLE] == 2
    assert "refused" in stats.LATEST[UNREACHABLE]


def test_returned_node_receives_what_is_sent_after_the_wait(
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


def test_node_that_connects_is_dialled_back_at_once(
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


def test_lost_peer_is_detected_and_its_queued_bytes_are_counted(
    reactor: Reactor, acceptor: Acceptor, link: Dialler
) -> None:
    connected(reactor, acceptor, link)
    reactor.modify(acceptor.joined[0].connection.socket.fileno(), 0)
    fill(link)

    acceptor.joined[0].connection.close("gone")

    run_until(reactor, lambda: not link.pending())
    assert stats.COUNTERS["dropped", "peer_lost"] == 1
    assert link._connection is None


def test_link_reconnects_after_a_restart_of_its_peer(
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


def test_closing_a_link_in_any_state_leaves_no_open_file(
    reactor: Reactor, acceptor: Acceptor
) -> None:
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
