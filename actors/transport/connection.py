"""A connected socket of the actor transport: non-blocking, in frames, with a bounded queue.

Frames are handed to the kernel at once where it takes them, so that nothing waits for a round of
the selector.  There is no acknowledgement of our own: the kernel keeps order and completeness
within a connection, and cores do not mind a message lost with one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from actors.transport import stats
from actors.transport.reactor import READ, WRITE, Reactor
from constellation.errors import WireError
from constellation.transport.frame import FrameReader, frame

_RECEIVE_BYTES = 1 << 18
_ERROR_EVENTS = ~(READ | WRITE)


class Connection:
    """A connected socket: sends frames, cuts what arrives into frames."""

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
        self._open = True
        connected.setblocking(False)
        reactor.register(connected, READ, self._ready)

    def send(self, body: bytes) -> bool:
        """Send one frame; False if the queue is full: nothing of it was sent."""
        framed = frame(body)
        if self.queue:
            if len(self.queue) + len(framed) > self._queue_bytes_max:
                return False
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

    def close(self, reason: str) -> None:
        """Close and tell the owner, once."""
        if self._open:
            self._open = False
            self.reactor.unregister(self.socket.fileno())
            self.socket.close()
            self._on_closed(reason)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if self._open and events & (READ | _ERROR_EVENTS):
            self._receive()

    def _flush(self) -> None:
        try:
            sent = self.socket.send(self.queue)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(str(error))
            return
        del self.queue[:sent]
        if not self.queue:
            self.reactor.modify(self.socket.fileno(), READ)

    def _receive(self) -> None:
        try:
            data = self.socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(str(error))
            return
        if not data:
            self.close("closed by the other side")
            return
        try:
            for body in self.reader.feed(data):
                self._on_frame(body)
                if not self._open:
                    return
        except WireError as error:
            stats.refused(error.reason, source=peer_name(self.socket), detail=str(error))
            self.close(str(error))


def peer_name(connected: socket.socket) -> str:
    """Return who is at the other end, for people."""
    try:
        name = connected.getpeername()
    except OSError:
        return "a closed connection"
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "a process of this node"
