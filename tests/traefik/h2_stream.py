"""Just enough HTTP/2 with prior knowledge for one stream in both directions, as gRPC uses it.

The server echoes each DATA frame at once, and ends with trailers.  It decodes no headers.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0x0, 0x1, 0x4, 0x6, 0x7, 0x8
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
TRAILER = (b"grpc-status", b"0")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """RFC 7541 §6.2.2: a header that is not indexed, without Huffman coding."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


class Stream:
    """One end of a connection that carries a single stream."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    def send(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        self._connection.sendall(frame(kind, flags, stream, payload))

    def frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield frames until the connection ends; answer those about the connection itself."""
        while head := self.read(9):
            length = int.from_bytes(head[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = self.read(length) if length else b""
            if kind in {SETTINGS, PING} and not flags & ACK:
                self.send(kind, ACK, 0, payload if kind == PING else b"")
            elif kind not in {SETTINGS, PING, WINDOW_UPDATE}:
                yield kind, flags, stream, payload

    def read(self, count: int) -> bytes:
        while len(self._received) < count:
            more = self._connection.recv(65536)
            if not more:
                return b""
            self._received += more
        taken, self._received = self._received[:count], self._received[count:]
        return taken


@contextlib.contextmanager
def echo_server(host: str) -> Iterator[int]:
    """Serve on a port of `host` until the block ends."""
    with socket.create_server((host, 0)) as listener:
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the block ended
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        if connection.recv(len(PREFACE), socket.MSG_WAITALL) != PREFACE:
            return  # it speaks HTTP/1.1
        stream = Stream(connection)
        stream.send(SETTINGS, 0, 0)
        for kind, flags, number, payload in stream.frames():
            if kind == HEADERS:
                content_type = literal(b"content-type", b"application/grpc")
                stream.send(HEADERS, END_HEADERS, number, b"\x88" + content_type)
            if kind == DATA and payload:
                stream.send(DATA, 0, number, payload)
            if kind in {HEADERS, DATA} and flags & END_STREAM:
                stream.send(HEADERS, END_HEADERS | END_STREAM, number, literal(*TRAILER))


def converse(address: tuple[str, int], host: str, words: list[bytes]) -> tuple[list[bytes], bytes]:
    """Say each word after the last one was echoed; return the echoes, and the trailers as sent."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(PREFACE)
        stream = Stream(connection)
        stream.send(SETTINGS, 0, 0)
        asked = {b":method": b"POST", b":scheme": b"http", b":path": b"/echo.Echo/Talk"}
        asked |= {b":authority": host.encode(), b"te": b"trailers"}
        asked |= {b"content-type": b"application/grpc"}
        head = b"".join(literal(name, value) for name, value in asked.items())
        stream.send(HEADERS, END_HEADERS, 1, head)
        echoes, frames = [], stream.frames()
        for word in words:
            stream.send(DATA, 0, 1, word)
            echoes.append(next(payload for kind, _, _, payload in frames if kind == DATA))
        stream.send(DATA, END_STREAM, 1)
        return echoes, next(p for k, flags, _, p in frames if k == HEADERS and flags & END_STREAM)
