"""A connected socket of the actor transport: non-blocking, in frames, with a bounded queue.

A frame is handed to the kernel at once if it accepts it, without waiting for the selector.  There
are no acknowledgements: the kernel ensures order and completeness within a connection, and cores
tolerate messages that are lost with a connection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from actors.transport import stats
from actors.transport.reactor import READ, WRITE, Reactor
from constellation.errors import WireError
from constellation.log import get_logger
from constellation.transport.frame import LENGTH_BYTES, FrameReader, frame

log = get_logger(__name__)

RECEIVE_BYTES = 1 << 18
_ERROR_EVENTS = ~(READ | WRITE)


class Connection:
    """A connected socket: sends frames, and splits received bytes into frames."""

    def __init__(
        self,
        reactor: Reactor,
        connected: socket.socket,
        *,
        on_frame: Callable[[bytes], None],
        on_closed: Callable[[str], None],
        queue_bytes_max: int,
    ) -> None:
        self.reactor = reactor
        self.socket = connected
        self.reader = FrameReader()
        self.queue = bytearray()
        self._on_frame = on_frame
        self._on_closed = on_closed
        self._queue_bytes_max = queue_bytes_max
        self.is_open = True
        connected.setblocking(False)
        reactor.register(connected, READ, self._ready)

    def has_room(self, body_bytes: int) -> bool:
        """Whether `send` accepts a frame with a body of that length now."""
        queued_bytes = len(self.queue) + LENGTH_BYTES + body_bytes
        return self.is_open and queued_bytes <= self._queue_bytes_max

    def send(self, body: bytes) -> bool:
        """Send one frame; False, with nothing sent, if it is closed or its queue is full."""
        if not self.has_room(len(body)):
            return False
        framed = frame(body)
        if self.queue or self.reactor.holds(self.socket.fileno(), self._send_held):
            self.queue += framed
            return True
        try:
            sent = self.socket.send(framed)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self.close(str(error))
            return False
        if sent < len(framed):
            self.queue += memoryview(framed)[sent:]
            self.reactor.modify(self.socket.fileno(), READ | WRITE)
        return True

    def _send_held(self) -> None:
        if self.is_open and self._send_queue() and self.queue:
            self.reactor.modify(self.socket.fileno(), READ | WRITE)

    def close(self, reason: str) -> None:
        """Close and notify the owner, once."""
        if self.is_open:
            self.is_open = False
            self.reactor.unregister(self.socket.fileno())
            self.socket.close()
            self._on_closed(reason)
            self.queue.clear()

    def detach(self) -> None:
        """Give the socket up without a word to the peer or the owner: another process has it."""
        self.is_open = False
        self.reactor.unregister(self.socket.fileno())
        self.socket.close()

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if self.is_open and events & (READ | _ERROR_EVENTS):
            self._receive()

    def _flush(self) -> None:
        if self._send_queue() and not self.queue:
            self.reactor.modify(self.socket.fileno(), READ)

    def _send_queue(self) -> bool:
        """Send what the kernel accepts of the queue; False if the connection is closed now."""
        try:
            sent = self.socket.send(self.queue)
        except BlockingIOError:
            return True
        except OSError as error:
            self.close(str(error))
            return False
        del self.queue[:sent]
        return True

    def _receive(self) -> None:
        try:
            data = self._read()
        except BlockingIOError:
            return
        except OSError as error:
            self.close(str(error))
            return
        if not data:
            self.close("closed by the other side")
            return
        self.take(data)

    def _read(self) -> bytes:
        return self.socket.recv(RECEIVE_BYTES)

    def take(self, data: bytes) -> None:
        """Handle received bytes."""
        try:
            for body in self.reader.feed(data):
                self._on_frame(body)
                if not self.is_open:
                    return
        except WireError as error:
            stats.refused(error.reason, source=peer_name(self.socket), detail=str(error))
            self.close(str(error))
        except Exception:  # a bug triggered by one frame must not end the process
            log.exception("frame_failed", peer=peer_name(self.socket))
            stats.refused("failed", source=peer_name(self.socket), detail="see frame_failed")
            self.close("its frame could not be handled")


def peer_name(connected: socket.socket) -> str:
    """Return the name of the other end, for people."""
    try:
        name = connected.getpeername()
    except OSError:
        return "a closed connection"
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "a process of this node"
