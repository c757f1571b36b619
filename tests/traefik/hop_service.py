"""A service with all that a proxy could lose, and a client that sees every byte of the answer."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

PAUSE_S = 0.25


class Service(socketserver.ThreadingTCPServer):
    """Answers as the path asks, and says who it is."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, name: str, host: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__((host, 0), _Handler)
        self.name = name
        self.port: int = self.server_address[1]
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""


@contextlib.contextmanager
def service(name: str, host: str, tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """Run a service until the block ends."""
    with Service(name, host, tls) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


class _Handler(socketserver.StreamRequestHandler):
    server: Service

    def handle(self) -> None:
        while request := self.rfile.readline().decode():
            self._answer(*request.split()[:2])

    def _answer(self, method: str, path: str) -> None:
        headers = self._headers()
        body = self._body({name.lower(): value for name, value in headers})
        steps = [part for part in path.split("?", maxsplit=1)[0].split("/") if part]
        what = getattr(self, f"_{steps[0]}", self._echo) if steps else self._echo
        said = {"who": self.server.name, "method": method, "path": path, "body": body.decode()}
        said["headers"] = sorted(headers)  # type: ignore[assignment]
        what(steps, said)

    def _headers(self) -> list[tuple[str, str]]:
        found = []
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            found.append((name, value.strip()))
        return found

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _send(self, status: str, body: bytes, *headers: str, is_head: bool = False) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.wfile.write("\r\n".join(lines).encode() + (b"" if is_head else body))

    def _echo(self, steps: list[str], said: dict[str, str]) -> None:
        cookies = ("Set-Cookie: a=1; Path=/", "Set-Cookie: b=2", "X-Who: " + said["who"])
        body = json.dumps(said).encode()
        self._send("200 OK", body, *cookies, is_head=said["method"] == "HEAD")

    def _status(self, steps: list[str], said: dict[str, str]) -> None:
        if steps[1] == "204":
            self.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Own: 1\r\n\r\n")
        else:
            self._send(f"{steps[1]} Own", f"own page of {said['who']}".encode())

    def _redirect(self, steps: list[str], said: dict[str, str]) -> None:
        self._send("307 Temporary Redirect", b"", "Location: /elsewhere?x=%2F")

    def _early(self, steps: list[str], said: dict[str, str]) -> None:
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        time.sleep(PAUSE_S)
        self._send("200 OK", b"late")

    def _stream(self, steps: list[str], said: dict[str, str]) -> None:
        head = (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n"
        )
        self.wfile.write(f"{head}Trailer: X-Sum\r\n\r\n".encode())
        for word in (b"data: 1\n\n", b"data: 2\n\n"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(word), word))
            time.sleep(PAUSE_S)
        self.wfile.write(b"0\r\nX-Sum: 3\r\n\r\n")

    def _upgrade(self, steps: list[str], said: dict[str, str]) -> None:
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\n")
        self.wfile.write(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while line := self.rfile.readline():
            self.wfile.write(line)


@dataclass
class Answer:
    """One answer as it came: `pieces` are what arrived, each after a pause."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    trailers: list[tuple[str, str]] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    pieces: int = 1

    def header(self, name: str) -> list[str]:
        """Return all values of one header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def ask(
    address: tuple[str, int],
    host: str,
    path: str = "/",
    *,
    method: str = "GET",
    headers: tuple[str, ...] = (),
    body: bytes = b"",
) -> Answer:
    """Send one request, and return the answer without interpretation."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
    with socket.create_connection(address, timeout=15) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        received, pieces, last_s = b"", 0, 0.0
        while more := connection.recv(65536):
            now_s = time.monotonic()
            pieces += now_s - last_s > PAUSE_S / 2
            received, last_s = received + more, now_s
    return _parsed(received, pieces)


def _parsed(received: bytes, pieces: int) -> Answer:
    interim = []
    while True:
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status == 101 or status >= 200:
            break
        interim.append(status)
        received = rest
    headers = sorted((n, v.strip()) for n, _, v in (line.partition(":") for line in lines))
    answer = Answer(status, headers, rest, [], interim, pieces)
    if answer.header("transfer-encoding") == ["chunked"]:
        answer.body, answer.trailers = _chunks(rest)
    return answer


def _chunks(rest: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    parts = []
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            break
        parts.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    lines = rest.decode().strip().split("\r\n")
    trailers = [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines) if n]
    return b"".join(parts), trailers


def talk(address: tuple[str, int], host: str, words: list[bytes]) -> tuple[int, list[bytes]]:
    """Upgrade a connection, and say each word after the last one was echoed."""
    head = f"GET /upgrade HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(head.encode())
        status = int(connection.recv(4096).split()[1])
        echoes = []
        for word in words if status == 101 else ():
            connection.sendall(word)
            echoes.append(connection.recv(4096))
        return status, echoes
