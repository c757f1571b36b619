"""Connections to this node's listener, from other nodes and from operators' commands."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Protocol

from actors.transport import stats
from actors.transport.connection import Connection, peer_name
from actors.transport.handover import Handover, give
from actors.transport.peer_connection import send_sealed
from actors.transport.reactor import NEVER, Reactor, Timer
from constellation.transport import session
from constellation.transport.frame import FRAME_BYTES_MAX, frame

HANDSHAKE_TIMEOUT_S = 5.0


class PeerInbound:
    """One connection to this node's listener, from another node or from an operator's command.

    Until the introduction is verified, nothing is decoded and at most `HANDSHAKE_FRAME_BYTES_MAX`
    bytes are buffered.  With `handover` the listener's process has verified it.
    """

    def __init__(
        self,
        reactor: Reactor,
        connected: socket.socket,
        *,
        key: bytes,
        acceptor_address: str,
        owner: PeerInboundOwner,
        handover: Handover | None = None,
    ) -> None:
        self.identity = ""
        self.node = ("", 0)
        self.source = peer_name(connected)
        self._key = key
        self._acceptor_address = acceptor_address.encode()
        self._owner = owner
        self._nonce = os.urandom(session.NONCE_BYTES)
        self._channel: session.Channel | None = None
        self._sealed = b""  # the frame that is being handled
        self._expiry: Timer = NEVER
        self.connection = Connection(
            reactor,
            connected,
            on_frame=self._on_frame,
            on_closed=self._closed,
            queue_bytes_max=owner.queue_bytes_max,
        )
        if handover is not None:
            self._go_on(handover)
            return
        self.connection.reader.bytes_max = session.HANDSHAKE_FRAME_BYTES_MAX
        self._expiry = reactor.call_at(time.monotonic() + HANDSHAKE_TIMEOUT_S, self._expire)
        self.connection.send(session.greeting(self._nonce))

    def _go_on(self, handover: Handover) -> None:
        self.identity = handover.identity
        self._channel = session.Channel(
            handover.seal_key,
            handover.open_key,
            sealed_count=handover.sealed_count,
            opened_count=handover.opened_count,
        )
        self._owner.peer_joined(self)
        self.connection.take(handover.unread)

    def give_away(self, actor_id: str, path: Path) -> bool:
        """Give the connection to the process of an actor, with the frame that is being handled.

        False if that is not possible now: go on with it.
        """
        channel, connection = self._channel, self.connection
        if channel is None or connection.queue:
            return False
        handover = Handover(
            actor_id=actor_id,
            identity=self.identity,
            seal_key=channel.seal_key,
            open_key=channel.open_key,
            sealed_count=channel.sealed_count,
            opened_count=channel.opened_count - 1,
            unread=frame(self._sealed) + connection.reader.rest,
        )
        if not give(path, handover, connection.socket):
            return False
        connection.detach()
        self._owner.peer_left(self)
        return True

    def send(self, body: bytes) -> bool:
        """Answer on the connection that the peer made; False if the queue is full."""
        return self._channel is not None and send_sealed(self.connection, self._channel, body)

    def _on_frame(self, body: bytes) -> None:
        if self._channel is not None:
            self._sealed = body
            self._owner.peer_body(self._channel.open(body), self)
            return
        handshake = session.read_introduction(
            body,
            key=self._key,
            acceptor_nonce=self._nonce,
            acceptor_address=self._acceptor_address,
        )
        self._expiry.cancel()
        self.identity = handshake.identity.decode(errors="replace")
        self.connection.reader.bytes_max = FRAME_BYTES_MAX
        self._channel = handshake.channel(initiator=False)
        if self.connection.send(session.acceptance(handshake)):
            self._owner.peer_joined(self)  # not if it has just closed: `peer_left` was called

    def _expire(self) -> None:
        detail = f"no introduction within {HANDSHAKE_TIMEOUT_S} s"
        stats.refused("no_introduction", source=self.source, detail=detail)
        self.connection.close(detail)

    def _closed(self, _: str) -> None:
        self._expiry.cancel()
        self._owner.peer_left(self)


class PeerInboundOwner(Protocol):
    """The callbacks of a `PeerInbound`."""

    queue_bytes_max: int

    def peer_joined(self, peer: PeerInbound) -> None:
        """The peer has proved that it knows the cluster key."""

    def peer_left(self, peer: PeerInbound) -> None:
        """The connection is closed."""

    def peer_body(self, body: bytes, peer: PeerInbound) -> None:
        """An authenticated envelope arrived."""
