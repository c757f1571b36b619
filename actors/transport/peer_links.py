"""Connections to the listeners of other nodes: TCP, authenticated, flow-controlled."""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Callable

from actors.transport import stats
from actors.transport.connection import Connection
from actors.transport.peer_connection import send_sealed, set_peer_options
from actors.transport.reactor import NEVER, WRITE, Reactor, Timer
from constellation.transport import session
from constellation.transport.frame import FRAME_BYTES_MAX

CONNECT_TIMEOUT_S = 3.0
SILENT = f"connected, but no answer within {CONNECT_TIMEOUT_S} s"
RECONNECT_WAIT_S = 0.25
REFUSED = "it has another cluster_key, or a bind_address other than the dialled one"


class PeerLink:
    """Sends to another node's listener, and passes on what it answers on the same connection.

    Until it is connected, envelopes are queued, up to `queue_bytes_max`.  When an attempt fails,
    they are dropped and counted: a node that returns needs current messages, not old ones.  The
    next attempt follows after `RECONNECT_WAIT_S`, or at once when that node connects to this one.
    """

    def __init__(  # noqa: PLR0913 - called in one place, where each is needed
        self,
        reactor: Reactor,
        node: tuple[str, int],
        *,
        key: bytes,
        identity: str,
        on_body: Callable[[bytes, str], None],
        queue_bytes_max: int,
        user_timeout_s: float,
    ) -> None:
        self._reactor = reactor
        self.node = node
        self.name = f"{node[0]}:{node[1]}"
        self._key = key
        self._identity = identity.encode()
        self._on_body = on_body
        self._queue_bytes_max = queue_bytes_max
        self._user_timeout_s = user_timeout_s
        self._connection: Connection | None = None
        self._connecting: socket.socket | None = None
        self._handshake: session.Handshake | None = None
        self._channel: session.Channel | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._try_again_at_s = 0.0
        self._try_again: Timer = NEVER
        self._expiry: Timer = NEVER

    def send(self, body: bytes) -> bool:
        """Send one envelope, or queue it until connected; False if it was dropped."""
        if self._channel is not None and self._connection is not None:
            return send_sealed(self._connection, self._channel, body)
        if self._waiting_bytes + len(body) > self._queue_bytes_max:
            return False
        self._waiting.append(body)
        self._waiting_bytes += len(body)
        if self._connecting is None and self._connection is None:
            if time.monotonic() >= self._try_again_at_s:
                self._connect()
            elif not self._try_again.is_waiting:
                self._try_again = self._reactor.call_at(self._try_again_at_s, self.try_now)
        return bool(self._waiting)

    def try_now(self) -> None:
        """Connect if something is queued: the node is reachable, or the wait is over."""
        self._try_again_at_s = 0.0
        self._try_again.cancel()
        if self._waiting and self._connecting is None and self._connection is None:
            self._connect()

    def pending(self) -> bool:
        """Whether something is queued."""
        queued = self._connection is not None and bool(self._connection.queue)
        return bool(self._waiting) or queued

    def close(self) -> None:
        """Close, and drop what is queued."""
        self._failed("closed by us")

    def _connect(self) -> None:
        try:
            connecting = _begin_connecting(self.node, self._user_timeout_s)
        except (OSError, ValueError) as error:
            self._failed(str(error))
            return
        self._connecting = connecting
        self._reactor.register(connecting, WRITE, self._connected)
        self._expiry = self._reactor.call_at(
            time.monotonic() + CONNECT_TIMEOUT_S, self._expire_attempt
        )

    def _expire_attempt(self) -> None:
        self._handshake = None  # a timeout, not a refusal: it says nothing about keys
        is_connected = self._connection is not None
        self._failed(SILENT if is_connected else f"no answer within {CONNECT_TIMEOUT_S} s")

    def _connected(self, _: int) -> None:
        connecting = self._connecting
        assert connecting is not None
        self._connecting = None
        self._reactor.unregister(connecting.fileno())
        error = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            connecting.close()
            self._failed(os.strerror(error))
            return
        self._connection = Connection(
            self._reactor,
            connecting,
            on_frame=self._on_frame,
            on_closed=self._failed,
            queue_bytes_max=self._queue_bytes_max,
        )
        self._connection.reader.bytes_max = session.HANDSHAKE_FRAME_BYTES_MAX

    def _on_frame(self, body: bytes) -> None:
        assert self._connection is not None
        if self._channel is not None:
            self._on_body(self._channel.open(body), self.name)
        elif self._handshake is None:
            self._handshake = session.Handshake(
                self._key,
                session.read_greeting(body),
                os.urandom(session.NONCE_BYTES),
                self._identity,
                self.name.encode(),
            )
            self._connection.send(session.introduction(self._handshake))
        else:
            session.check_acceptance(body, self._handshake)
            self._connection.reader.bytes_max = FRAME_BYTES_MAX
            self._channel = self._handshake.channel(initiator=True)
            self._expiry.cancel()
            self._send_waiting()

    def _send_waiting(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for envelope in waiting:
            if not self.send(envelope):
                stats.dropped("peer_backlog", target=self.name, detail="its queue is full")

    def _failed(self, reason: str) -> None:
        connection, self._connection = self._connection, None
        connecting, self._connecting = self._connecting, None
        self._expiry.cancel()
        if connection is not None:
            if connection.queue:
                detail = f"{reason}; {len(connection.queue)} bytes were still queued"
                stats.dropped("peer_lost", target=self.name, detail=detail)
            connection.close(reason)
        if connecting is not None:
            self._reactor.unregister(connecting.fileno())
            connecting.close()
        was_refused = self._handshake is not None and self._channel is None
        self._handshake = self._channel = None
        for _ in self._waiting:
            if was_refused:  # it closed the connection after our introduction
                stats.dropped("peer_refused", target=self.name, detail=REFUSED)
            else:
                stats.dropped("peer_unreachable", target=self.name, detail=reason)
        self._waiting, self._waiting_bytes = [], 0
        self._try_again.cancel()
        self._try_again_at_s = time.monotonic() + RECONNECT_WAIT_S


def _begin_connecting(node: tuple[str, int], user_timeout_s: float) -> socket.socket:
    """Return a socket that is connecting to `node`.

    Raises:
        OSError: the attempt failed at once.
        ValueError: the host is not an IP address; resolving a name would block the process.
    """
    version = ipaddress.ip_address(node[0]).version
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    connecting = socket.socket(family, socket.SOCK_STREAM)
    try:
        connecting.setblocking(False)
        set_peer_options(connecting, user_timeout_s)
        connecting.connect(node)
    except BlockingIOError:
        pass  # the usual case: it connects in the background
    except OSError:
        connecting.close()
        raise
    return connecting
