"""One node's admin process: which envelopes it accepts, and where it forwards them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.transport import stats
from actors.transport.conversation import Conversation
from actors.transport.delivery import PEERS_PENDING_MAX, Delivered, Delivery, TransportSettings
from actors.transport.reactor import Reactor
from constellation import wire
from constellation.transport.address import ADMIN_ID, ActorRef
from constellation.transport.envelope import OURS, ActorEnvelope
from constellation.transport.frame import frame
from messages.base import Message
from messages.lifecycle import ActorPing, ActorPong
from messages.operator import ActorAbsent
from tests.transport.ends import (
    CLUSTER_KEY,
    HOST,
    Acceptor,
    Dialler,
    RawPeer,
    open_files,
    run_for,
    run_until,
)

# In `delivery`, which these tests describe as it has to be.


class Node:
    """The admin process of one node."""

    def __init__(self, reactor: Reactor, directory: Path) -> None:
        self.reactor = reactor
        self.listener = socket.create_server((HOST, 0), backlog=512)
        port = int(self.listener.getsockname()[1])
        self.settings = TransportSettings(HOST, port, CLUSTER_KEY, directory, self.listener)
        self.arrived: list[ActorEnvelope] = []
        self.delivery = Delivery(reactor, self.settings, ADMIN_ID, self.arrived.append)
        self.ref = self.delivery.ref

    def link(self) -> Dialler:
        return Dialler(self.reactor, self.ref.node)

    def address(self, actor_id: str = ADMIN_ID) -> str:
        return str(ActorRef(*self.ref.node, actor_id))


@pytest.fixture
def node(reactor: Reactor, tmp_path: Path) -> Iterator[Node]:
    made = Node(reactor, tmp_path)
    yield made
    made.delivery.close()
    reactor.unregister(made.listener.fileno())
    made.listener.close()


def refused(reason: str) -> int:
    return stats.COUNTERS["refused", reason]


def own_address(link: Dialler) -> str:
    return link._identity.decode()


def test_envelope_for_the_admin_arrives_as_it_was_sent(reactor: Reactor, node: Node) -> None:
    link = node.link()
    envelope = ActorEnvelope(node.address(), own_address(link), b"\x01payload")

    link.send(envelope.pack())

    run_until(reactor, lambda: node.arrived)
    assert node.arrived == [envelope]
    link.close()


def test_envelope_for_another_actor_is_forwarded_undecoded(reactor: Reactor, node: Node) -> None:
    arrived: list[ActorEnvelope] = []
    actor = Delivery(reactor, node.settings, "a1-1", arrived.append)
    link = node.link()
    envelope = ActorEnvelope(node.address("a1-1"), own_address(link), b"\xff no message")

    link.send(envelope.pack())

    run_until(reactor, lambda: arrived)
    assert arrived == [envelope]
    assert node.arrived == []
    link.close()
    actor.close()


def test_envelope_for_a_missing_actor_is_counted_and_keeps_the_connection(
    reactor: Reactor, node: Node
) -> None:
    link = node.link()
    for actor_id in ("a1-9", "@nobody"):
        link.send(ActorEnvelope(node.address(actor_id), own_address(link), b"").pack())
    link.send(ActorEnvelope(node.address(), own_address(link), b"last").pack())

    run_until(reactor, lambda: node.arrived)

    assert refused("no_such_actor") == 2
    assert node.delivery._local_links == {}
    link.close()


@pytest.mark.parametrize(
    ("target", "sender"),
    [
        pytest.param("10.0.0.77:7947/system", None, id="for another node"),
        pytest.param(None, "10.0.0.77:7947/system", id="in the name of a third node"),
        pytest.param(None, "the node itself", id="in the name of the node that takes it"),
    ],
)
def test_envelope_with_a_foreign_sender_or_target_ends_the_connection(
    reactor: Reactor, node: Node, target: str | None, sender: str | None
) -> None:
    link = node.link()
    said = node.address() if sender == "the node itself" else sender or own_address(link)

    link.send(ActorEnvelope(target or node.address(), said, b"").pack())

    run_until(reactor, lambda: refused("misrouted"))
    run_until(reactor, lambda: link._connection is None)
    assert node.arrived == []


def test_peer_that_claims_to_be_this_node_is_disconnected(reactor: Reactor, node: Node) -> None:
    peer = RawPeer(reactor, node.ref.node)

    peer.introduce(identity=node.address())

    run_until(reactor, peer.is_hung_up_on)
    assert refused("misrouted") == 1
    assert node.delivery._peers_inbound == {}
    peer.socket.close()


def test_command_is_answered_on_the_connection_it_made(reactor: Reactor, node: Node) -> None:
    command = Conversation(HOST, node.ref.port, CLUSTER_KEY)
    command._link.send(ActorEnvelope(str(node.ref), str(command._ref), b"question").pack())
    run_until(reactor, lambda: command.receive(0.0) or node.arrived)
    pong = ActorPong(name="gossip", seq_no=1)

    sent = node.delivery.send(command._ref, OURS + wire.encode(pong))

    assert sent is Delivered.YES
    assert received(command, reactor) == pong
    command.close()
    run_until(reactor, lambda: not node.delivery._peers_inbound)
    assert node.delivery.send(command._ref, b"late") is Delivered.DEAD_TARGET


def test_command_is_told_that_the_actor_does_not_run(reactor: Reactor, node: Node) -> None:
    command = Conversation(HOST, node.ref.port, CLUSTER_KEY)

    command.send("admin", ActorPing(seq_no=1))

    assert received(command, reactor) == ActorAbsent()
    assert refused("no_such_actor") == 1
    command.close()


def received(command: Conversation, reactor: Reactor) -> Message:
    """Return the next message of a command, while the node runs on `reactor`."""
    found: list[Message] = []

    def has_arrived() -> bool:
        message = command.receive(0.0)
        found.extend([message] if message else [])
        return bool(found)

    run_until(reactor, has_arrived)
    return found[0]


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_decoded")
def test_three_hundred_strangers_at_once_do_not_keep_a_node_out(
    reactor: Reactor, node: Node
) -> None:
    before = open_files()
    strangers = [RawPeer(reactor, node.ref.node) for _ in range(300)]
    run_for(reactor, 400)
    assert len(node.delivery._peers_pending) == PEERS_PENDING_MAX
    assert refused("too_many_strangers") == 300 - PEERS_PENDING_MAX
    peer = RawPeer(reactor, node.ref.node)

    peer.join()

    run_until(reactor, lambda: node.delivery._peers_inbound)
    for one in (peer, *strangers):
        one.socket.close()
    run_until(reactor, lambda: open_files() == before)
    assert not node.delivery._peers_pending


def test_strangers_that_vanish_at_once_are_not_remembered(reactor: Reactor, node: Node) -> None:
    for _ in range(PEERS_PENDING_MAX):
        RawPeer(reactor, node.ref.node).reset()
    run_for(reactor, 100)

    assert not node.delivery._peers_pending


def test_dialled_node_cannot_answer_in_another_name(
    reactor: Reactor, node: Node, acceptor: Acceptor
) -> None:
    """In this node's own name it could order what only this node's processes may."""
    node.delivery.send(ActorRef(*acceptor.node, ADMIN_ID), b"\x01question")
    run_until(reactor, lambda: acceptor.joined)
    before = len(node.arrived)

    acceptor.joined[0].send(ActorEnvelope(node.address(), node.address(), b"\x02order").pack())

    run_until(reactor, lambda: refused("misrouted") or len(node.arrived) > before)
    assert node.arrived == []


def test_peer_that_connects_again_and_again_has_one_connection(
    reactor: Reactor, node: Node
) -> None:
    peers = []
    for _ in range(5):
        peers.append(RawPeer(reactor, node.ref.node))
        peers[-1].introduce()
        peers[-1].read_frame()

    run_for(reactor, 20)

    still_open = sum(not peer.is_hung_up_on() for peer in peers)
    for peer in peers:
        peer.socket.close()
    assert still_open == 1


def test_forged_frame_of_a_peer_is_not_forwarded(reactor: Reactor, node: Node) -> None:
    peer = RawPeer(reactor, node.ref.node)
    channel = peer.join()
    sealed = channel.seal(ActorEnvelope(node.address(), "10.0.1.1:7947/system", b"good").pack())

    peer.send(frame(sealed[:-1] + b"X"))

    run_until(reactor, peer.is_hung_up_on)
    assert node.arrived == []
    assert refused("unauthenticated") == 1
    peer.socket.close()
