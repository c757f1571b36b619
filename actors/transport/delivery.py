"""Routes envelopes between processes and nodes.  Independent of Thespian.

Each process of a node listens on a Unix socket in the runtime directory, named after its actor id
(mode 0600, directory 0700).  One of them, Thespian's admin, also has the node's only TCP listener
and forwards received envelopes to their target, without decoding them.  Each process connects to
other nodes itself.  An operator's command does not listen: it receives answers on the connection
that it made.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from actors.transport import stats
from actors.transport.handover import Handover
from actors.transport.local_links import LocalLink, accept, accept_local, listen_at
from actors.transport.peer_connection import set_peer_options
from actors.transport.peer_inbound import PeerInbound, PeerInboundOwner
from actors.transport.peer_links import PeerLink
from actors.transport.process import PID_SUFFIX, SOCKET_SUFFIX, write_pid_file
from actors.transport.reactor import READ, Reactor
from constellation import wire
from constellation.errors import WireError
from constellation.transport.address import ADMIN_ID, NAME_PREFIX, ActorRef
from constellation.transport.envelope import OURS, ActorEnvelope
from constellation.transport.session import derive_key
from messages.operator import ActorAbsent

PEERS_INBOUND_MAX = 256
PEERS_PENDING_MAX = 64  # not authenticated yet
PEER_LINKS_MAX = 1024
EXTERNAL_PREFIX = "ext-"  # ids of processes outside the actor system: the guardian, a command

Delivered = Enum("Delivered", "YES DEAD_TARGET FAILED")


@dataclass(frozen=True)
class TransportSettings:
    """Settings of all processes of a node, inherited by fork, so that no message has the key."""

    host: str
    port: int
    cluster_key: bytes = field(repr=False)
    runtime_dir: Path
    listener: socket.socket | None = field(default=None, repr=False)
    user_timeout_s: float = 5.0
    peer_queue_bytes_max: int = 4 << 20
    # Part of every actor id, so that an address of an earlier run of the node reaches no actor.
    life: str = field(default_factory=lambda: secrets.token_hex(3))

    def socket_path(self, actor_id: str) -> Path:
        """Return the socket of the actor `actor_id` of this node."""
        return self.runtime_dir / f"{actor_id}{SOCKET_SUFFIX}"


class Delivery(PeerInboundOwner):
    """The connections of one process.

    `listener` is the socket that the parent created before the fork, so that no message to a new
    actor is lost.  None: the process creates its own.
    """

    def __init__(
        self,
        reactor: Reactor,
        settings: TransportSettings,
        actor_id: str,
        on_envelope: Callable[[ActorEnvelope], None],
        listener: socket.socket | None = None,
    ) -> None:
        self.reactor = reactor
        self.settings = settings
        self.queue_bytes_max = settings.peer_queue_bytes_max
        self._on_envelope = on_envelope
        self.ref = ActorRef(settings.host, settings.port, actor_id)
        self._key = derive_key(settings.cluster_key, b"actors")
        self._own_names: set[str] = set()
        self._local_links: dict[str, LocalLink] = {}
        # To each named actor of a node one, which that node gives to the process of the actor;
        # with no name to the node itself, and to the actors that are addressed by their ids.
        self._peer_links: dict[tuple[str, int, str], PeerLink] = {}
        self._peers_inbound: dict[str, PeerInbound] = {}
        self._peers_pending: dict[PeerInbound, None] = {}  # the oldest first
        self._given_away: dict[tuple[str, int], str] = {}  # commands, and the actor that has each
        self._listener = self._listen_locally(listener)
        self._peer_listener = settings.listener if actor_id == ADMIN_ID else None
        if self._peer_listener is not None:
            self._peer_listener.setblocking(False)
            reactor.register(self._peer_listener, READ, self._accept_peer)

    def _listen_locally(self, listener: socket.socket | None) -> socket.socket:
        opened = listener or listen_at(self.settings.socket_path(self.ref.actor_id))
        self.reactor.register(opened, READ, lambda _: self._accept_local(opened))
        if listener is not None:  # a process of the actor system, not an external one
            write_pid_file(self.settings.runtime_dir, self.ref.actor_id)
        return opened

    def _accept_local(self, listener: socket.socket) -> None:
        accept_local(self.reactor, listener, self._local_body, self._take_over)

    def claim_name(self, name: str) -> None:
        """Let '@name' address this process, on this node and from other nodes."""
        new = self.settings.socket_path(f"new-{self.ref.actor_id}")
        new.unlink(missing_ok=True)
        new.symlink_to(self.settings.socket_path(self.ref.actor_id).name)
        new.replace(self.settings.socket_path(f"@{name}"))
        self._own_names.add(f"{NAME_PREFIX}{name}")

    def release_name(self, name: str) -> None:
        """Let '@name' address nobody, unless another process has claimed it since."""
        self._own_names.discard(f"{NAME_PREFIX}{name}")
        path = self.settings.socket_path(f"{NAME_PREFIX}{name}")
        with contextlib.suppress(OSError):
            if path.readlink().name == self.settings.socket_path(self.ref.actor_id).name:
                path.unlink()

    def close(self) -> None:
        """Close everything; what is still queued is lost."""
        for local in list(self._local_links.values()):  # each removes itself when it closes
            local.close()
        for link in self._peer_links.values():
            link.close()
        for peer in (*self._peers_inbound.values(), *self._peers_pending):
            peer.connection.close("closing")
        self._listener.close()
        self._remove_files(self.ref.actor_id)

    def forget_actor(self, ref: ActorRef) -> None:
        """Remove the connection and the files of an actor of this node that has ended."""
        if ref.process_id != ref.actor_id:
            return  # they are those of its host, which may live on
        link = self._local_links.pop(ref.process_id, None)
        if link is not None:
            link.close()
        self._remove_files(ref.process_id)

    def _remove_files(self, actor_id: str) -> None:
        path = self.settings.socket_path(actor_id)
        path.unlink(missing_ok=True)
        path.with_suffix(PID_SUFFIX).unlink(missing_ok=True)

    def pending_count(self, *, peers: bool) -> int:
        """Return how many connections have queued data."""
        links: list[LocalLink | PeerLink] = list(self._local_links.values())
        if peers:
            links.extend(self._peer_links.values())
        return sum(link.pending() for link in links)

    def send(
        self, target: ActorRef, payload: bytes, *, sender: ActorRef | None = None
    ) -> Delivered:
        """Send a message to `target`, or deliver it at once if it lives in this process."""
        envelope = ActorEnvelope(str(target), str(sender or self.ref), payload)
        if target.node == self.ref.node and target.process_id == self.ref.actor_id:
            self._on_envelope(envelope)
            return Delivered.YES
        return self._route(target, envelope.pack())

    def _route(self, target: ActorRef, packed: bytes) -> Delivered:
        """Forward a packed envelope towards `target`."""
        if target.node == self.ref.node:
            return self._to_local(target.process_id, packed)
        if target.port == 0:
            return self._to_command(target, packed)
        return self._to_peer(target, packed)

    def _to_command(self, target: ActorRef, packed: bytes, *, is_for_us: bool = False) -> Delivered:
        """Answer an operator's command on the connection that it made, wherever that is."""
        peer = next((one for one in self._peers_inbound.values() if one.node == target.node), None)
        holder = self._given_away.get(target.node) if self.ref.actor_id == ADMIN_ID else ADMIN_ID
        if peer is None and holder is not None and not is_for_us:
            return self._to_local(holder, packed)
        if peer is None:
            stats.dropped("peer_unreachable", target=str(target), detail="it has disconnected")
            return Delivered.DEAD_TARGET
        if peer.send(packed):
            stats.count("sent_frames", "peer")
            return Delivered.YES
        stats.dropped("peer_backlog", target=str(target), detail="it reads too slowly")
        return Delivered.FAILED

    def _to_local(self, process_id: str, packed: bytes) -> Delivered:
        link = self._local_links.pop(process_id, None)
        if link is None:
            link = LocalLink(
                self.reactor,
                self.settings.socket_path(process_id),
                on_closed=lambda: self._local_links.pop(process_id, None),
            )
        try:
            is_sent = link.send(packed)
        except OSError:
            return Delivered.DEAD_TARGET
        if link.is_connected:
            self._local_links[process_id] = link
        if is_sent:
            stats.count("sent_frames", "local")
            return Delivered.YES
        stats.dropped("queue_full", target=process_id, detail="the actor does not keep up")
        return Delivered.FAILED

    def _to_peer(self, target: ActorRef, packed: bytes) -> Delivered:
        name = target.actor_id.removeprefix(NAME_PREFIX) if target.is_name else ""
        line = (*target.node, name)
        link = self._peer_links.get(line)
        if link is None:
            link = PeerLink(
                self.reactor,
                target.node,
                key=self._key,
                # Of its own for each connection: the other end keeps one with each identity.
                identity=f"{self.ref}-to-{name}" if name else str(self.ref),
                on_body=self._answer_body,
                queue_bytes_max=self.settings.peer_queue_bytes_max,
                user_timeout_s=self.settings.user_timeout_s,
            )
            if len(self._peer_links) >= PEER_LINKS_MAX:
                self._peer_links.pop(next(iter(self._peer_links))).close()
            self._peer_links[line] = link
        if link.send(packed):
            stats.count("sent_frames", "peer")
            return Delivered.YES
        stats.dropped(
            "peer_backlog", target=link.name, detail="not connected, or it reads too slowly"
        )
        return Delivered.FAILED

    def _local_body(self, body: bytes) -> None:
        envelope = ActorEnvelope.unpack(body)
        stats.count("received_frames", "local")
        target = envelope.target_ref()
        if target.node != self.ref.node:  # an answer of an actor of this node to an operator
            self._to_command(target, body, is_for_us=self.ref.actor_id != ADMIN_ID)
            return
        self._on_envelope(envelope)

    def _answer_body(self, body: bytes, source: str) -> None:
        """Handle an answer of a peer on the connection that this process made."""
        envelope = ActorEnvelope.unpack(body)
        if ActorRef.parse(envelope.target).node != self.ref.node:
            raise WireError(f"envelope for {envelope.target} is not ours", reason="misrouted")
        host, port = ActorRef.parse(envelope.sender).node
        if (
            f"{host}:{port}" != source
        ):  # in the name of this node it could give orders that only this node may
            raise WireError(f"{source} sends in the name of {envelope.sender}", reason="misrouted")
        stats.count("received_frames", "peer")
        self._on_envelope(envelope)

    def _accept_peer(self, _: int) -> None:
        assert self._peer_listener is not None
        accepted = accept(self.reactor, self._peer_listener)
        if accepted is None:
            return
        connected, (host, *_rest) = accepted
        if len(self._peers_inbound) >= PEERS_INBOUND_MAX:
            stats.refused("too_many_peers", source=str(host), detail=f"over {PEERS_INBOUND_MAX}")
            connected.close()
            return
        if len(self._peers_pending) >= PEERS_PENDING_MAX:
            # Silent strangers must not keep out a node that would introduce itself.
            oldest = next(iter(self._peers_pending))
            stats.refused("too_many_strangers", source=oldest.source, detail="no introduction yet")
            oldest.connection.close("replaced by a newer connection")
        set_peer_options(connected, self.settings.user_timeout_s)
        peer = PeerInbound(
            self.reactor,
            connected,
            key=self._key,
            acceptor_address=f"{self.settings.host}:{self.settings.port}",
            owner=self,
        )
        if peer.connection.is_open:  # sending the greeting may have failed already
            self._peers_pending[peer] = None

    def peer_joined(self, peer: PeerInbound) -> None:
        """Register an authenticated peer, to answer those that do not listen."""
        identity = ActorRef.parse(peer.identity)
        if identity.node == self.ref.node:
            raise WireError("a peer claims to be this node itself", reason="misrouted")
        self._peers_pending.pop(peer, None)
        peer.node = identity.node
        replaced = self._peers_inbound.get(peer.identity)
        self._peers_inbound[peer.identity] = peer
        if replaced is not None:
            replaced.connection.close("the same process has connected again")
        for line, link in list(self._peer_links.items()):
            if line[:2] == identity.node:
                link.try_now()  # the node is reachable again

    def peer_left(self, peer: PeerInbound) -> None:
        """Forget a peer whose connection is closed."""
        self._peers_pending.pop(peer, None)
        if self._peers_inbound.get(peer.identity) is peer:
            del self._peers_inbound[peer.identity]

    def _take_over(self, body: bytes, connected: socket.socket) -> None:
        """Go on with an authenticated connection for an actor of this process."""
        handover = Handover.unpack(body)
        if len(self._peers_inbound) >= PEERS_INBOUND_MAX:
            source = handover.identity
            stats.refused("too_many_peers", source=source, detail=f"over {PEERS_INBOUND_MAX}")
            connected.close()
            return
        PeerInbound(
            self.reactor, connected, key=b"", acceptor_address="", owner=self, handover=handover
        )

    def _give_away(self, peer: PeerInbound, target: ActorRef) -> bool:
        """Give a connection to the process of the actor that its first message is for."""
        if self.ref.actor_id != ADMIN_ID or not target.is_name:
            return False
        if target.actor_id in self._own_names:
            return False
        if not peer.give_away(target.actor_id, self.settings.socket_path(target.actor_id)):
            return False
        if peer.node[1] == 0:  # other actors answer a command through this process
            self._given_away.pop(peer.node, None)
            self._given_away[peer.node] = target.actor_id
            if len(self._given_away) > PEERS_INBOUND_MAX:
                del self._given_away[next(iter(self._given_away))]
        return True

    def peer_body(self, body: bytes, peer: PeerInbound) -> None:
        """Pass an authenticated envelope on to its target, undecoded."""
        envelope = ActorEnvelope.unpack(body)
        target = envelope.target_ref()
        if target.node != self.ref.node:
            raise WireError(f"envelope for {envelope.target} is not ours", reason="misrouted")
        if ActorRef.parse(envelope.sender).node != peer.node:
            raise WireError(
                f"{peer.identity} sends in the name of {envelope.sender}", reason="misrouted"
            )
        if self._give_away(peer, target):
            return  # that process counts it
        stats.count("received_frames", "peer")
        if target.actor_id == self.ref.actor_id or target.actor_id in self._own_names:
            self._on_envelope(envelope)
        elif self._to_local(target.process_id, body) is Delivered.DEAD_TARGET:
            if peer.node[1] == 0:  # an operator's command
                self._tell_absent(envelope, peer)
            else:
                stats.refused("no_such_actor", source=peer.identity, detail=envelope.target)

    @staticmethod
    def _tell_absent(asked: ActorEnvelope, peer: PeerInbound) -> None:
        """Tell an operator's command that the actor does not run, so that it need not wait."""
        stats.count("refused", "no_such_actor")
        absent = OURS + wire.encode(ActorAbsent())
        peer.send(ActorEnvelope(asked.sender, asked.target, absent).pack())
