"""Clients without the cluster key: disconnected, counted, and nothing decoded."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from actors.transport import peer_inbound, stats
from actors.transport.reactor import Reactor
from constellation.transport import session
from constellation.transport.envelope import ActorEnvelope
from constellation.transport.frame import frame
from tests.transport.ends import OTHER_KEY, Acceptor, Dialler, RawPeer, open_files, run_until
from tests.transport.payloads import pickle_that_touches

RANDOM = frame(Random(1).randbytes(100))


def refusals() -> dict[str, int]:
    return {reason: total for (kind, reason), total in stats.COUNTERS.items() if kind == "refused"}


def hung_up(reactor: Reactor, acceptor: Acceptor, *strangers: RawPeer) -> None:
    run_until(reactor, lambda: all(one.is_hung_up_on() for one in strangers))
    run_until(reactor, lambda: acceptor.open_count() == 0)
    assert acceptor.joined == []
    assert acceptor.bodies == []
    assert len(acceptor.left) == len(acceptor.accepted) == len(strangers)
    for one in strangers:
        one.socket.close()


@pytest.mark.usefixtures("nothing_decoded")
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(RANDOM, "unauthenticated", id="random bytes"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "oversized", id="a browser"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", "oversized", id="TLS"),
        pytest.param(b"\xff\xff\xff\xff", "oversized", id="a frame of 4 GiB"),
        pytest.param(b"\x00\x00\x00\xf9", "oversized", id="a frame of one byte too many"),
        pytest.param(frame(b""), "unauthenticated", id="an empty frame"),
        pytest.param(
            frame(ActorEnvelope("a", "b", b"c").pack()), "unauthenticated", id="an envelope"
        ),
    ],
)
def test_stranger_is_disconnected_and_counted(
    reactor: Reactor, acceptor: Acceptor, said: bytes, reason: str
) -> None:
    stranger = RawPeer(reactor, acceptor.node)

    stranger.send(said)

    hung_up(reactor, acceptor, stranger)
    assert refusals() == {reason: 1}


@pytest.mark.usefixtures("nothing_decoded")
@pytest.mark.parametrize("framed", [False, True])
def test_pickle_of_a_stranger_is_not_loaded(
    reactor: Reactor, acceptor: Acceptor, tmp_path: Path, framed: bool
) -> None:
    path = tmp_path / "made"
    body = pickle_that_touches(path)
    stranger = RawPeer(reactor, acceptor.node)

    stranger.send(frame(body) if framed else body)

    hung_up(reactor, acceptor, stranger)
    assert sum(refusals().values()) == 1
    assert not path.exists()


@pytest.mark.usefixtures("nothing_decoded")
def test_stranger_that_sends_without_end_is_disconnected_at_once(
    reactor: Reactor, acceptor: Acceptor
) -> None:
    stranger = RawPeer(reactor, acceptor.node)

    for _ in range(100):
        stranger.send(b"A" * (1 << 16))
        if acceptor.left:
            break
    assert len(stranger.sent) < 6 << 20  # what the kernel buffers, and no more

    hung_up(reactor, acceptor, stranger)
    assert refusals() == {"oversized": 1}


@pytest.mark.usefixtures("nothing_decoded")
@pytest.mark.parametrize("drips", [True, False], ids=["a byte at a time", "silent"])
def test_stranger_without_an_introduction_in_time_is_disconnected(
    reactor: Reactor, acceptor: Acceptor, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    monkeypatch.setattr(peer_inbound, "HANDSHAKE_TIMEOUT_S", 0.1)
    stranger = RawPeer(reactor, acceptor.node)
    introduction = iter(frame(bytes(100)))

    def hung_up_on() -> bool:
        if drips:
            stranger.send(bytes([next(introduction, 0)]))
        reactor.poll(0.005)
        return stranger.is_hung_up_on()

    run_until(reactor, hung_up_on)

    hung_up(reactor, acceptor, stranger)
    assert refusals() == {"no_introduction": 1}


def test_introduction_that_arrives_byte_by_byte_in_time_is_accepted(
    reactor: Reactor, acceptor: Acceptor
) -> None:
    peer = RawPeer(reactor, acceptor.node)
    whole_send = peer.send

    def send(data: bytes) -> None:
        for byte in data:
            whole_send(bytes([byte]))
            reactor.poll(0.0)

    peer.send = send  # type: ignore[method-assign]
    channel = peer.join()
    peer.send(frame(channel.seal(b"slowly")))

    run_until(reactor, lambda: acceptor.bodies == [b"slowly"])
    peer.socket.close()


@pytest.mark.usefixtures("nothing_decoded")
def test_introduction_with_another_key_is_refused(reactor: Reactor, acceptor: Acceptor) -> None:
    stranger = RawPeer(reactor, acceptor.node)

    stranger.introduce(key=OTHER_KEY)

    hung_up(reactor, acceptor, stranger)
    assert refusals() == {"unauthenticated": 1}


@pytest.mark.usefixtures("nothing_decoded")
def test_greeting_sent_back_is_not_an_introduction(reactor: Reactor, acceptor: Acceptor) -> None:
    stranger = RawPeer(reactor, acceptor.node)

    stranger.send(frame(stranger.read_frame()))

    hung_up(reactor, acceptor, stranger)
    assert refusals() == {"unauthenticated": 1}


def test_frame_forged_after_a_good_handshake_ends_the_connection(
    reactor: Reactor, acceptor: Acceptor
) -> None:
    peer = RawPeer(reactor, acceptor.node)
    channel = peer.join()
    sealed = channel.seal(b"good")
    forged = bytes([sealed[0] ^ 1]) + channel.seal(b"forged")[1:]

    peer.send(frame(sealed) + frame(forged) + frame(channel.seal(b"after")))

    run_until(reactor, peer.is_hung_up_on)
    assert acceptor.bodies == [b"good"]
    assert refusals() == {"unauthenticated": 1}
    peer.socket.close()


def test_replayed_frame_ends_the_connection(reactor: Reactor, acceptor: Acceptor) -> None:
    peer = RawPeer(reactor, acceptor.node)
    sealed = frame(peer.join().seal(b"pay"))

    peer.send(sealed + sealed)

    run_until(reactor, peer.is_hung_up_on)
    assert acceptor.bodies == [b"pay"]
    peer.socket.close()


@pytest.mark.usefixtures("nothing_decoded")
def test_session_replayed_to_a_restarted_node_is_refused(reactor: Reactor) -> None:
    node = Acceptor(reactor)
    peer = RawPeer(reactor, node.node)
    peer.send(frame(peer.join().seal(b"pay")))
    run_until(reactor, lambda: node.bodies == [b"pay"])
    peer.socket.close()
    run_until(reactor, lambda: node.open_count() == 0)
    node.close()
    restarted = Acceptor(reactor, node.port)
    thief = RawPeer(reactor, restarted.node)

    for byte in peer.sent:
        thief.send(bytes([byte]))

    hung_up(reactor, restarted, thief)
    assert refusals() == {"unauthenticated": 1}
    restarted.close()


def test_peer_that_closes_within_a_frame_leaves_no_state(
    reactor: Reactor, acceptor: Acceptor
) -> None:
    before = open_files()
    peer = RawPeer(reactor, acceptor.node)
    sealed = frame(peer.join().seal(bytes(1000)))

    peer.send(sealed[:500])
    peer.socket.close()

    run_until(reactor, lambda: acceptor.open_count() == 0)
    assert acceptor.bodies == []
    assert acceptor.left == acceptor.joined
    assert open_files() == before


@pytest.mark.parametrize("rounds", range(4))
def test_peer_that_vanishes_at_any_time_is_not_remembered(
    reactor: Reactor, acceptor: Acceptor, rounds: int
) -> None:
    """An introduction may be read after its sender has gone; nobody would ever leave again."""
    before = open_files()
    for _ in range(20):
        peer = RawPeer(reactor, acceptor.node)
        if rounds:
            peer.introduce()
        for _ in range(rounds - 1):
            reactor.poll(0.001)
        peer.reset()
    run_until(reactor, lambda: len(acceptor.accepted) == 20 and acceptor.open_count() == 0)

    assert all(peer in acceptor.left for peer in acceptor.joined)
    for peer_joined in acceptor.joined:
        # Joined before it left, and not the other way round.
        assert peer_joined.connection.is_open is False
    assert open_files() == before


def test_peer_that_is_gone_when_its_introduction_is_read_never_joins(
    reactor: Reactor, acceptor: Acceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = RawPeer(reactor, acceptor.node)
    peer.introduce()
    (inbound,) = acceptor.accepted

    def close_meanwhile(_: session.Handshake) -> bytes:
        inbound.connection.close("gone")
        return b""

    monkeypatch.setattr(session, "acceptance", close_meanwhile)

    run_until(reactor, lambda: acceptor.left)

    assert acceptor.joined == []
    assert not inbound.send(b"to nobody")
    peer.socket.close()


@pytest.mark.slow
def test_three_hundred_strangers_at_once_do_not_keep_a_node_out(
    reactor: Reactor, acceptor: Acceptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_inbound, "HANDSHAKE_TIMEOUT_S", 0.5)
    before = open_files()
    strangers = [RawPeer(reactor, acceptor.node) for _ in range(300)]
    for number, stranger in enumerate(strangers):
        stranger.send((b"", RANDOM, b"GET / HTTP/1.1\r\n\r\n")[number % 3])
    link = Dialler(reactor, acceptor.node)

    assert link.send(b"news")

    run_until(reactor, lambda: acceptor.bodies == [b"news"])
    run_until(reactor, lambda: acceptor.open_count() == 1)
    assert refusals() == {"unauthenticated": 100, "oversized": 100, "no_introduction": 100}
    assert len(acceptor.joined) == 1
    link.close()
    for stranger in strangers:
        stranger.socket.close()
    run_until(reactor, lambda: open_files() == before)


def test_strangers_that_come_and_go_leave_no_timers(reactor: Reactor, acceptor: Acceptor) -> None:
    for _ in range(300):
        RawPeer(reactor, acceptor.node).reset()
    run_until(reactor, lambda: len(acceptor.accepted) == 300 and acceptor.open_count() == 0)

    assert len(reactor._timers) < 150


def test_secrets_of_a_connection_are_not_in_its_repr(reactor: Reactor, acceptor: Acceptor) -> None:
    peer = RawPeer(reactor, acceptor.node)
    peer.join()
    run_until(reactor, lambda: acceptor.joined)

    told = repr((acceptor.joined[0], acceptor.joined[0].connection, stats.COUNTERS, stats.LATEST))

    assert repr(acceptor.key) not in told
    peer.socket.close()
