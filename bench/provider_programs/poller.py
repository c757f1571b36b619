"""Polls the body on persistent connections, as Traefik does, but without pauses.

    python -m bench.provider_programs.poller PORT

Answers lines on stdin: `poll SECONDS CONNECTIONS`, when it has done so, each connection sending the
next request when it has the whole answer: requests, seconds, bytes of a body, and then the time of
each request in ms.  Bodies are counted and thrown away by the kernel (MSG_TRUNC), so that the time
is that of the server and not of this program.
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
import time

REQUEST = b"GET /api/dynamic HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n"
HEAD_BYTES_MAX = 4096
DISCARD_BYTES = 4 << 20
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Connection:
    """One connection; `left_bytes` of the body are missing."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.body_bytes = 0
        self.left_bytes = 0
        self._began_s = 0.0
        self._head = b""
        self._discarded = bytearray(DISCARD_BYTES)

    def ask(self) -> None:
        """Send the next request."""
        self._head, self._began_s = b"", time.perf_counter()
        self.socket.sendall(REQUEST)

    def receive(self) -> float | None:
        """Receive data; return the ms of the request if the answer is complete."""
        try:
            if not self.left_bytes and not self._receive_head():
                return None
            while self.left_bytes:
                self.left_bytes -= self._discard(self.left_bytes)
        except BlockingIOError:
            return None
        return (time.perf_counter() - self._began_s) * 1000

    def _receive_head(self) -> bool:
        self._head += self.socket.recv(HEAD_BYTES_MAX)
        head, end, body = self._head.partition(b"\r\n\r\n")
        if not end:
            return False
        found = LENGTH.search(head + b"\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or found is None:
            raise SystemExit(f"the answer is {head!r}")
        self.body_bytes = int(found[1])
        self.left_bytes = self.body_bytes - len(body)
        return True

    def _discard(self, count: int) -> int:
        size = min(count, DISCARD_BYTES)
        received = self.socket.recv_into(self._discarded, size, socket.MSG_TRUNC)
        if not received:
            raise SystemExit("the server has closed a connection")
        return received


def poll(port: int, seconds: float, connections: int) -> list[float]:
    """Poll for this time; return the answer of this program."""
    made = [Connection(port) for _ in range(connections)]
    times_ms: list[float] = []
    with selectors.EpollSelector() as selector:
        for one in made:
            selector.register(one.socket, selectors.EVENT_READ, one)
        began_s = time.perf_counter()
        for one in made:
            one.ask()
        while time.perf_counter() < began_s + seconds:
            for key, _ in selector.select(1.0):
                took_ms = key.data.receive()
                if took_ms is not None:
                    times_ms.append(took_ms)
                    key.data.ask()
        took_s = time.perf_counter() - began_s
    for one in made:
        one.socket.close()
    return [len(times_ms), took_s, made[0].body_bytes, *times_ms]


def main() -> None:
    """Run until stdin ends."""
    port = int(sys.argv[1])
    for line in sys.stdin:
        _, seconds, connections = line.split()
        print(*poll(port, float(seconds), int(connections)), flush=True)


if __name__ == "__main__":
    main()
