"""A connection goes to the process of the actor that its first envelope is for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from actors.transport import stats
from actors.transport.conversation import Conversation
from actors.transport.delivery import Delivered, Delivery, TransportSettings
from actors.transport.handover import HANDOVER_BYTES_MAX, Handover, give
from actors.transport.reactor import Reactor
from constellation.transport.address import ADMIN_ID, ActorRef
from constellation.transport.envelope import OURS, ActorEnvelope
from constellation.transport.frame import frame
from constellation.wire import encode
from messages.base import Message
from messages.lifecycle import ActorPing, ActorPong
from messages.operator import ActorAbsent
from tests.transport.ends import CLUSTER_KEY, HOST, RawPeer, open_files, run_for, run_until

PEER = "10.0.1.1:7947/system"  # as whom a `RawPeer` introduces itself


class Process:
    """One process of a node, and what arrived in it."""

    def __init__(
        self, reactor: Reactor, settings: TransportSettings, actor_id: str, name: str = ""
    ) -> None:
        self.arrived: list[bytes] = []
        self.delivery = Delivery(
            reactor, settings, actor_id, lambda one: self.arrived.append(one.payload)
        )
        if name:
            self.delivery.claim_name(name)

    def send(self, target: ActorRef, body: bytes) -> Delivered:
        return self.delivery.send(target, body)

    def has(self, body: bytes) -> bool:
        return body in self.arrived

    @property
    def peers(self) -> int:
        return len(self.delivery._peers_inbound)


def process_of_another_node(reactor: Reactor, directory: Path) -> Delivery:
    """Return one that only sends."""
    other = TransportSettings("127.0.0.77", 7947, CLUSTER_KEY, directory / ".")
    return Delivery(reactor, other, "b1-1", lambda _: None)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[TransportSettings]:
    listener = socket.create_server((HOST, 0))
    yield TransportSettings(HOST, listener.getsockname()[1], CLUSTER_KEY, tmp_path, listener)
    listener.close()


@pytest.fixture
def node(reactor: Reactor, settings: TransportSettings) -> Iterator[Process]:
    """The process that listens for the node."""
    made = Process(reactor, settings, ADMIN_ID)
    yield made
    made.delivery.close()
    assert settings.listener is not None
    reactor.unregister(settings.listener.fileno())


@pytest.fixture
def raft(reactor: Reactor, settings: TransportSettings, node: Process) -> Iterator[Process]:
    made = Process(reactor, settings, "a1-1", "raft")
    yield made
    made.delivery.close()


def envelope(settings: TransportSettings, actor_id: str, text: bytes, sender: str = PEER) -> bytes:
    target = ActorRef(settings.host, settings.port, actor_id)
    return ActorEnvelope(str(target), sender, text).pack()


def test_all_envelopes_arrive_in_order_and_the_listener_keeps_nothing(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process
) -> None:
    before = open_files()
    peer = RawPeer(reactor, (settings.host, settings.port))
    channel = peer.join()
    bodies = [b"\x01%d" % number for number in range(5)]
    sealed = [frame(channel.seal(envelope(settings, "@raft", one))) for one in bodies]

    peer.send(b"".join(sealed[:2]) + sealed[2][:7])  # the third is cut in its middle
    run_until(reactor, lambda: len(raft.arrived) == 2)
    peer.send(sealed[2][7:] + b"".join(sealed[3:]))

    run_until(reactor, lambda: len(raft.arrived) == 5)
    assert raft.arrived == bodies
    assert (node.peers, raft.peers) == (0, 1)
    assert open_files() == before + 2, "one socket of each end"
    peer.socket.close()
    run_until(reactor, lambda: not raft.peers)


@pytest.mark.parametrize("fault", ["forged", "repeated", "another name"])
def test_what_a_listener_would_refuse_is_refused_after_the_handover(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process, fault: str
) -> None:
    peer = RawPeer(reactor, (settings.host, settings.port))
    channel = peer.join()
    first = channel.seal(envelope(settings, "@raft", b"\x01first"))
    peer.send(frame(first))
    run_until(reactor, lambda: raft.arrived)

    sender = "10.0.9.9:7947/system" if fault == "another name" else PEER
    second = channel.seal(envelope(settings, "@raft", b"\x01second", sender))
    sent = {"forged": second[:-1] + b"X", "repeated": first, "another name": second}
    peer.send(frame(sent[fault]))

    run_until(reactor, peer.is_hung_up_on)
    reason = "misrouted" if fault == "another name" else "unauthenticated"
    assert stats.COUNTERS["refused", reason] == 1
    assert raft.arrived == [b"\x01first"]
    assert raft.peers == 0
    peer.socket.close()


@pytest.mark.usefixtures("nothing_decoded")
def test_a_stranger_is_handed_to_nobody(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process
) -> None:
    peer = RawPeer(reactor, (settings.host, settings.port))
    peer.read_frame()

    peer.send(frame(envelope(settings, "@raft", b"\x01hello")))

    run_until(reactor, peer.is_hung_up_on)
    assert (raft.arrived, raft.peers) == ([], 0)
    peer.socket.close()


def test_envelope_for_another_actor_reaches_it_after_the_handover(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process
) -> None:
    """An older agent has one connection for all actors of a node."""
    leases = Process(reactor, settings, "a1-2", "leases")
    peer = RawPeer(reactor, (settings.host, settings.port))
    channel = peer.join()
    for actor_id in ("@raft", "@leases", "a1-2", ADMIN_ID):
        peer.send(frame(channel.seal(envelope(settings, actor_id, actor_id.encode()))))

    run_until(reactor, lambda: node.arrived and len(leases.arrived) == 2)

    assert raft.arrived == [b"@raft"]
    assert leases.arrived == [b"@leases", b"a1-2"]
    assert node.arrived == [b"system"]
    peer.socket.close()
    leases.delivery.close()


def test_connection_is_given_away_once_its_actor_exists(
    reactor: Reactor, settings: TransportSettings, node: Process
) -> None:
    peer = RawPeer(reactor, (settings.host, settings.port))
    channel = peer.join()
    peer.send(frame(channel.seal(envelope(settings, "@raft", b"\x01early"))))
    run_until(reactor, lambda: stats.COUNTERS["refused", "no_such_actor"])
    raft = Process(reactor, settings, "a1-1", "raft")
    big = bytes(HANDOVER_BYTES_MAX)  # too large to go with the socket, so it is forwarded
    for text in (big, b"\x01small"):
        peer.send(frame(channel.seal(envelope(settings, "@raft", text))))
        run_until(reactor, partial(raft.has, text))

    assert raft.arrived == [big, b"\x01small"]
    assert (node.peers, raft.peers) == (0, 1)
    peer.socket.close()
    raft.delivery.close()


def test_listener_keeps_a_connection_to_an_actor_in_its_own_process(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process
) -> None:
    node.delivery.claim_name("supervisor")
    peer = RawPeer(reactor, (settings.host, settings.port))
    channel = peer.join()
    for actor_id in ("@supervisor", "@supervisor", "@raft"):
        peer.send(frame(channel.seal(envelope(settings, actor_id, actor_id.encode()))))

    run_until(reactor, lambda: raft.arrived)

    assert node.arrived == [b"@supervisor"] * 2
    assert (node.peers, raft.peers) == (0, 1)
    peer.socket.close()


def test_next_life_of_the_actor_is_reached_by_a_new_connection(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process, tmp_path: Path
) -> None:
    sender = process_of_another_node(reactor, tmp_path)
    target = ActorRef(settings.host, settings.port, "@raft")
    sender.send(target, b"\x01first")
    run_until(reactor, lambda: raft.arrived)
    raft.delivery.close()
    run_for(reactor)
    new = Process(reactor, settings, "a1-7", "raft")

    sender.send(target, b"\x01second")

    run_until(reactor, lambda: new.arrived)
    assert new.arrived == [b"\x01second"]
    sender.close()
    new.delivery.close()


def test_node_has_a_connection_for_each_named_actor_and_one_for_all_others(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process, tmp_path: Path
) -> None:
    sender = process_of_another_node(reactor, tmp_path)
    for actor_id in ("@raft", ADMIN_ID, "a1-1", "@raft"):
        sender.send(ActorRef(settings.host, settings.port, actor_id), actor_id.encode())

    run_until(reactor, lambda: len(raft.arrived) == 3 and node.arrived)

    assert sorted(raft.arrived) == [b"@raft", b"@raft", b"a1-1"]
    assert (node.peers, raft.peers) == (1, 1)
    assert len(sender._peer_links) == 2
    sender.close()


def test_command_learns_that_the_actor_has_ended_in_a_process_that_lives_on(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process
) -> None:
    command = Conversation(HOST, settings.port, CLUSTER_KEY)
    command.send("raft", ActorPing(seq_no=1))
    run_until(reactor, lambda: command.receive(0.0) or raft.arrived)
    raft.delivery.release_name("raft")
    answers: list[Message] = []

    def has_answer() -> bool:
        answer = command.receive(0.0)
        answers.extend([answer] if answer else [])
        return bool(answers)

    command.send("raft", ActorPing(seq_no=2))
    run_until(reactor, has_answer)

    assert answers == [ActorAbsent()]
    assert len(raft.arrived) == 1
    command.close()


def test_command_is_answered_by_every_actor_of_the_node(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process
) -> None:
    leases = Process(reactor, settings, "a1-2", "leases")
    answers: list[str] = []
    command = Conversation(HOST, settings.port, CLUSTER_KEY)
    command.send("raft", ActorPing(seq_no=1))
    run_until(reactor, lambda: command.receive(0.0) or raft.arrived)

    def has_all() -> bool:
        answer = command.receive(0.0)
        answers.extend([answer.name] if isinstance(answer, ActorPong) else [])
        return len(answers) == 3

    for process in (raft, leases, node):
        pong = ActorPong(name=process.delivery.ref.actor_id, seq_no=1)
        assert process.delivery.send(command._ref, OURS + encode(pong)) is Delivered.YES
    run_until(reactor, has_all)

    assert sorted(answers) == ["a1-1", "a1-2", "system"]
    command.close()
    run_until(reactor, lambda: not raft.peers)
    for process in (raft, leases, node):
        process.delivery.send(command._ref, b"\x01late")
    run_until(reactor, lambda: stats.COUNTERS["dropped", "peer_unreachable"] == 3)
    assert node.delivery.send(command._ref, b"\x01late") is Delivered.YES, "it cannot know"
    leases.delivery.close()


@pytest.mark.parametrize("passed", ["a socket", "no file", "a file"])
def test_handover_that_is_none_is_refused_and_leaves_nothing_open(
    reactor: Reactor, settings: TransportSettings, node: Process, raft: Process, passed: str
) -> None:
    before = open_files()
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as local,
        socket.create_server((HOST, 0)) as given,
    ):
        local.connect(str(settings.socket_path("@raft")))
        files = {"a socket": [given.fileno()], "no file": [], "a file": [0]}[passed]
        socket.send_fds(local, [frame(b"\x00\xff nonsense")], files)
        run_for(reactor)
        assert stats.COUNTERS["refused", "malformed"] == (passed != "a file")
        local.settimeout(1.0)
        assert local.recv(1) == b"", "it is hung up on"

    run_until(reactor, lambda: open_files() == before)
    assert raft.peers == 0


def test_socket_cannot_be_given_to_a_process_that_is_not_there(tmp_path: Path) -> None:
    handover = Handover("@raft", PEER, b"s" * 16, b"o" * 16, 0, 0, b"")
    with socket.create_server((HOST, 0)) as connected:
        assert not give(tmp_path / "nobody.sock", handover, connected)
    assert Handover.unpack(handover.pack()) == handover
