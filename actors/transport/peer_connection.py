"""What both ends of a connection between nodes share."""

from __future__ import annotations

import socket

from actors.transport.connection import Connection
from constellation.transport import session


def send_sealed(connection: Connection, channel: session.Channel, body: bytes) -> bool:
    """Seal and send one envelope; False if the queue is full."""
    # Checked before sealing, because sealing uses up a frame number.
    sealed_bytes = session.CODE_BYTES + len(body)
    return connection.has_room(sealed_bytes) and connection.send(channel.seal(body))


def set_peer_options(peer: socket.socket, user_timeout_s: float) -> None:
    """Let the kernel close the connection to a silent peer soon, and send small frames at once."""
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(user_timeout_s * 1000))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    interval_s = max(1, int(user_timeout_s / 3))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval_s)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval_s)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
