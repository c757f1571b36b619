"""A client of PySyncObj in a process of its own, and the door to it in the leader's process.

PySyncObj has no protocol for clients: a program that uses it brings one.  This is the least that
such a program can do: requests and answers of a fixed size on one TCP connection, what has gathered
is written with one call.  The door adds one thread to the leader's process.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol

from bench.raft_peers.cluster import KEY_BYTES, VALUE_BYTES, Sample

HOST = "127.0.0.1"
REQUEST = struct.Struct(f">Q{KEY_BYTES}s{VALUE_BYTES}s")
ANSWER = struct.Struct(">Q")  # the number of the request
VALUE = b"v" * VALUE_BYTES
ANSWER_TIMEOUT_S = 5.0


class Puts(Protocol):
    """A replicated dictionary."""

    def put(self, key: str, value: str, *, callback: Any) -> None:
        """Write one key; the callback gets a result and an error."""

    def addOnTickCallback(self, callback: Any) -> None:
        """Call it at the end of each tick."""


class Door:
    """Takes the requests of one client at a time."""

    def __init__(self, store: Puts) -> None:
        self._store = store
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._client: socket.socket | None = None
        self._answers: list[bytes] = []
        store.addOnTickCallback(self._send)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client
            for number, key, value in _records(client, REQUEST):
                self._put(number, key.decode(), value.decode())

    def _put(self, number: int, key: str, value: str) -> None:
        self._store.put(key, value, callback=lambda _, error: self._done(number, error))

    def _done(self, number: int, error: object) -> None:
        if error:
            raise SystemExit(f"pysyncobj: a write failed with reason {error}")
        self._answers.append(ANSWER.pack(number))

    def _send(self) -> None:
        if self._answers and self._client is not None:
            answers, self._answers = self._answers, []
            self._client.sendall(b"".join(answers))


def measure(port: int, numbers: Iterator[int], in_flight: int, seconds: float) -> Sample:
    """Keep so many writes open."""
    with socket.create_connection((HOST, port), timeout=ANSWER_TIMEOUT_S) as door:
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent_at_s: dict[int, float] = {}
        latencies_s: list[float] = []
        begun_s = time.perf_counter()
        _ask(door, numbers, in_flight, sent_at_s)
        while sent_at_s:
            done = list(ANSWER.iter_unpack(_more(door, ANSWER)))
            if not done:
                raise SystemExit("pysyncobj: the leader's process has closed the connection")
            now_s = time.perf_counter()
            latencies_s += [now_s - sent_at_s.pop(number) for (number,) in done]
            if now_s - begun_s < seconds:
                _ask(door, numbers, len(done), sent_at_s)
        return Sample(time.perf_counter() - begun_s, tuple(latencies_s))


def _ask(
    door: socket.socket, numbers: Iterator[int], count: int, sent_at_s: dict[int, float]
) -> None:
    asked = [next(numbers) for _ in range(count)]
    now_s = time.perf_counter()
    sent_at_s.update(dict.fromkeys(asked, now_s))
    requests = [REQUEST.pack(one, f"{one:0{KEY_BYTES}d}".encode(), VALUE) for one in asked]
    door.sendall(b"".join(requests))


def _records(connection: socket.socket, kind: struct.Struct) -> Iterator[tuple[Any, ...]]:
    while data := _more(connection, kind):
        yield from kind.iter_unpack(data)


def _more(connection: socket.socket, kind: struct.Struct) -> bytes:
    """Wait for some whole records; empty at the end."""
    data = connection.recv(1 << 16)
    while data and len(data) % kind.size:
        data += connection.recv(kind.size - len(data) % kind.size)
    return data
