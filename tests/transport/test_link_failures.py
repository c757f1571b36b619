"""A link to another node, to an impostor, to a closed port, and to an invalid address."""

from __future__ import annotations

import socket
import struct

import pytest

from actors.transport import peer_links, stats
from actors.transport.reactor import Reactor
from constellation.transport import session
from constellation.transport.frame import frame
from rigs.ports import free_port
from tests.transport.ends import HOST, OTHER_KEY, Acceptor, Dialler, RawPeer, open_files, run_until

UNREACHABLE, REFUSED = ("dropped", "peer_unreachable"), ("dropped", "peer_refused")


def test_acceptor_with_another_key_is_reported_as_the_reason(
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
def test_host_name_is_not_resolved(reactor: Reactor, host: str) -> None:
    link = Dialler(reactor, (host, 7947))

    assert not link.send(b"x")

    assert stats.COUNTERS[UNREACHABLE] == 1
    assert "does not appear to be" in stats.LATEST[UNREACHABLE]


def test_exhausted_file_descriptors_cause_a_drop_and_no_crash(
    reactor: Reactor, acceptor: Acceptor, link: Dialler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)

    assert not link.send(b"x")
    link.try_now()

    assert stats.COUNTERS[UNREACHABLE] == 1


def test_failed_attempts_leave_no_open_file_and_no_timer(
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
