"""A small HTTP/1.1 listener: answers from memory, and limits on everything that a client may do.

It reads no request body.  A connection is closed if it does not send a complete request head in
time or if it is idle for too long.  At the limit of connections a new one replaces another: first
one that never asked, then one that asked once, then the one that asks most.  So no flood keeps out
Traefik's poll, or ends the connection that Traefik keeps.  What a client does wrong is counted, not
logged.

A library for this would cost every node more memory than the answers it serves.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal, cast

from constellation.browser_guard import refusal
from constellation.errors import AdapterError
from constellation.http_head import END, HEAD_BYTES_MAX, BadHead, RequestHead, read_request

READING_S = 1.0  # after that a client that does not read its answer may be replaced
FRESH_S = 0.25  # a younger connection may be about to ask
REGULAR_REQUESTS = 2  # a client that asked as often on one connection is a regular one
SWEEP_INTERVAL_S = 1.0
STOP_S = 0.5  # for answers that are being sent at the stop
STOP_POLL_S = 0.01
PIECE_BYTES = 64 << 10  # of a body, handed to the socket at once
BACKLOG = 1024  # a flood must not fill it while the loop is busy

# A browser must neither guess another type nor hand an answer to the page of another site.
_HEADERS = {
    "Server": "constellation",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_REFUSAL_TEXT = b"all connections are in use: try again, or raise http.requests_max\n"
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%b"
) % (len(_REFUSAL_TEXT), _REFUSAL_TEXT)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The parts of a request that an answer may depend on."""

    method: str
    path: str
    accept: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer from memory."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits for clients.  Times are in seconds.

    `own_hosts`: names by which they may address the listener (see `browser_guard`).
    """

    connections_max: int
    head_timeout_s: float
    idle_timeout_s: float
    own_hosts: tuple[str, ...] = ()


ClientFault = Literal["bad_request", "foreign_page", "evicted", "refused"]
CountFault = Callable[[ClientFault], None]
Answer = Callable[[HttpRequest], HttpAnswer]


class _Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other."""

    transport: asyncio.Transport

    def __init__(self, clients: _Clients) -> None:
        self._clients = clients
        self._received = b""
        self._unsent = memoryview(b"")
        self._is_paused = False
        self._is_last = False  # the connection is closed after the present answer
        self.connected_at_s = self.active_at_s = 0.0
        self.requests_count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.connected_at_s = self.active_at_s = self._clients.now_s()
        if not self._clients.admit(self):
            self.transport.write(_REFUSAL)
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_last = True
        self._unsent = memoryview(b"")
        self._clients.forget(self)

    def data_received(self, data: bytes) -> None:
        if not self._is_last:
            self._received += data
            self._answer_all()

    def pause_writing(self) -> None:
        """Answer nothing more until the client has read."""
        self._is_paused = True
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Send the rest, then answer what the client has asked meanwhile."""
        self._is_paused = False
        if self.transport.is_closing():
            return
        self._send_on()
        self._answer_all()
        if not self._is_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    @property
    def is_sending(self) -> bool:
        """Whether a part of an answer has not been sent yet."""
        return bool(self._unsent) or self.transport.get_write_buffer_size() > 0

    def merit(self, now_s: float) -> tuple[int, float]:
        """Return the order of the connections to keep; the lowest is closed first."""
        if self.requests_count < REGULAR_REQUESTS:
            is_fresh = now_s - self.connected_at_s < FRESH_S
            return int(is_fresh or self.requests_count > 0), self.active_at_s
        return REGULAR_REQUESTS, -self.requests_count / max(1.0, now_s - self.connected_at_s)

    def is_evictable(self, now_s: float) -> bool:
        """Return whether its answers were sent, or its client does not read them."""
        return not self.is_sending or now_s - self.active_at_s >= READING_S

    def abort(self) -> None:
        """Close it at once."""
        self._is_last = True
        self.transport.abort()

    def _answer_all(self) -> None:
        while not (self._is_last or self._is_paused):
            head, end, rest = self._received.partition(END)
            if not end and len(head) <= HEAD_BYTES_MAX:
                return
            self._received = rest
            self._answer(head if end else b"")

    def _answer(self, head: bytes) -> None:
        # An empty line before a request is ignored (RFC 9112 §2.2).
        request = read_request(head.lstrip(b"\r\n"))
        if isinstance(request, BadHead):
            self._clients.count("bad_request")
            self._send(HttpAnswer(400, f"bad request: {request.why}\n".encode()), None)
            return
        self.active_at_s = self._clients.now_s()
        self.requests_count += 1
        self._send(self._clients.answer(request), request)

    def _send(self, answer: HttpAnswer, request: RequestHead | None) -> None:
        self._is_last = request is None or not request.keeps_alive
        head = _head(answer, request)
        body = b"" if request is not None and request.method == "HEAD" else answer.body
        if len(body) <= PIECE_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self._unsent = memoryview(body)  # clients that read slowly share one copy of it
        self._send_on()

    def _send_on(self) -> None:
        """Hand as much to the socket as it takes; close the connection after the last answer."""
        while self._unsent and not self._is_paused:
            piece, self._unsent = self._unsent[:PIECE_BYTES], self._unsent[PIECE_BYTES:]
            self.transport.write(piece)
        if self._is_last and not self._unsent:
            self._close()

    def _close(self) -> None:
        """Close it once everything is sent."""
        self._is_last = True
        self.transport.close()


class _Clients:
    """All connections, and the limits that they share."""

    def __init__(self, answer: Answer, limits: HttpLimits, count: CountFault) -> None:
        self._answer = answer
        self._limits = limits
        self.count = count
        self.now_s = asyncio.get_running_loop().time
        self.connections: set[_Connection] = set()

    def admit(self, new: _Connection) -> bool:
        """Return whether a new connection is accepted, perhaps instead of another."""
        if len(self.connections) >= self._limits.connections_max and not self._evict():
            self.count("refused")
            return False
        self.connections.add(new)
        return True

    def forget(self, closed: _Connection) -> None:
        """A connection is closed."""
        self.connections.discard(closed)

    def answer(self, request: RequestHead) -> HttpAnswer:
        """Return the answer to a request, or to one that a page of a foreign site may have sent."""
        fields = request.fields
        why = refusal(fields.get("host"), fields.get("origin"), self._limits.own_hosts)
        if why:
            self.count("foreign_page")
            return HttpAnswer(403, f"{why}\n".encode())
        accept, agent = fields.get("accept", ""), fields.get("user-agent", "")
        return self._answer(HttpRequest(request.method, request.path, accept, agent))

    def sweep(self) -> None:
        """Close connections that are slow or idle for too long."""
        now_s, limits = self.now_s(), self._limits
        for one in tuple(self.connections):
            limit_s = limits.idle_timeout_s if one.requests_count else limits.head_timeout_s
            if now_s - one.active_at_s > limit_s:
                self._abort(one)

    def _evict(self) -> bool:
        now_s = self.now_s()
        least = min(
            (one for one in self.connections if one.is_evictable(now_s)),
            key=lambda one: one.merit(now_s),
            default=None,
        )
        if least is None:
            return False
        self.count("evicted")
        self._abort(least)
        return True

    def _abort(self, one: _Connection) -> None:
        self.connections.discard(one)
        one.abort()


def _head(answer: HttpAnswer, request: RequestHead | None) -> bytes:
    """Return the head of an answer; `request` is None if it was not understood."""
    fields = {
        **_HEADERS,
        "Date": _date(time.gmtime()),
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        **answer.headers,
    }
    if request is None or not request.keeps_alive:
        fields["Connection"] = "close"
    elif request.is_http_1_0:
        fields["Connection"] = "keep-alive"
    status = HTTPStatus(answer.status)
    lines = [f"HTTP/1.1 {answer.status} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _date(at: time.struct_time) -> str:
    """Return a moment as HTTP writes it, in English on every host (RFC 9110 §5.6.7)."""
    day, month = _DAYS[at.tm_wday], _MONTHS[at.tm_mon - 1]
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{day}, {at.tm_mday:02} {month} {at.tm_year} {clock} GMT"


class HttpServer:
    """One listener.  `answer` is called on the loop and must not block.

    `count` counts what clients did wrong.
    """

    def __init__(self, answer: Answer, limits: HttpLimits, count: CountFault) -> None:
        self._answer = answer
        self._limits = limits
        self._count = count
        self._server: asyncio.Server | None = None
        self._clients: _Clients | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on `host` and `port`, and on nothing else.

        Raises:
            AdapterError: it cannot listen on the address.  It is safe to try again.
        """
        loop = asyncio.get_running_loop()
        clients = _Clients(self._answer, self._limits, self._count)
        try:
            self._server = await loop.create_server(
                lambda: _Connection(clients), host, port, backlog=BACKLOG
            )
        except OSError as error:
            raise AdapterError(
                f"HTTP listener on {host} port {port}", why=_why(error), fix=_fix(error)
            ) from error
        self._clients = clients
        self._sweeper = asyncio.create_task(self._sweep(clients))

    async def stop(self) -> None:
        """Close the listener and all connections.  Idempotent."""
        if self._server is None or self._clients is None or self._sweeper is None:
            return
        server, self._server = self._server, None
        self._sweeper.cancel()
        server.close()
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + STOP_S
        open_ones = self._clients.connections
        while any(one.is_sending for one in open_ones) and loop.time() < give_up_at_s:
            await asyncio.sleep(STOP_POLL_S)
        for one in tuple(open_ones):
            one.abort()
        await server.wait_closed()

    async def _sweep(self, clients: _Clients) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            clients.sweep()


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens on this port"
    return error.strerror or str(error)


def _fix(error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return "set http.bind_address to an address of this host"
    return "stop the other program, or set http.port to a free port"
