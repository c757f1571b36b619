"""A small HTTP/1.1 listener: answers from memory, and limits on everything that a client may do.

It reads no request body.  A connection is closed if it does not send a complete request head in
time or if it is idle for too long.  At the limit of connections a new one replaces another: first
one that never asked, then one that asked once, then the one that asks most.  So no flood keeps out
Traefik's poll, or ends the connection that Traefik keeps.  What a client does wrong is counted, not
logged.

A web framework would do this too, but costs every node far more memory than the answers that it
serves; `http_exchange` needs h11 alone.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import Literal, cast

from msgspec import field

from actors.adapters.http_exchange import END, HEAD_BYTES_MAX, BadHead, HttpExchange, RequestHead
from constellation.browser_guard import refusal
from constellation.errors import AdapterError
from constellation.value import Value

READING_S = 1.0  # after that a client that does not read its answer may be replaced
FRESH_S = 0.25  # a younger connection may be about to ask
REGULAR_REQUESTS = 2  # a client that asked as often on one connection is a regular one
SWEEP_INTERVAL_S = 1.0
STOP_S = 0.5  # for answers that are being sent at the stop
STOP_POLL_S = 0.01
PIECE_BYTES = 64 << 10  # of a body, handed to the socket at once
TURN_REQUESTS_MAX = 16  # of one client, answered before others have their turn
BACKLOG = 1024  # a flood must not fill it while the loop is busy

# A browser must neither guess another type nor hand an answer to the page of another site.
_HEADERS = {
    "Server": "constellation",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REFUSAL_TEXT = b"all connections are in use: try again, or raise http.requests_max\n"
_REFUSAL_FIELDS = {"Content-Type": "text/plain; charset=utf-8", "Retry-After": "1"}
_REFUSAL = b"".join(HttpExchange().answer(503, _REFUSAL_FIELDS, _REFUSAL_TEXT, is_last=True))


class HttpRequest(Value):
    """The parts of a request that an answer may depend on."""

    method: str
    path: str
    accept: str = ""
    user_agent: str = ""


class HttpAnswer(Value):
    """An answer: all of it is in memory."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpLimits(Value):
    """Limits for clients.  Times are in seconds.

    `own_hosts`: names by which they may address the listener (see `browser_guard`).
    """

    connections_max: int
    head_timeout_s: float
    idle_timeout_s: float
    own_hosts: tuple[str, ...] = ()


ClientFault = Literal["bad_request", "foreign_page", "evicted", "refused"]
CountFault = Callable[[ClientFault], None]
MakeAnswer = Callable[[HttpRequest], HttpAnswer | Awaitable[HttpAnswer]]


class _Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other."""

    transport: asyncio.Transport

    def __init__(self, clients: _Clients) -> None:
        self._clients = clients
        self._http = HttpExchange()
        self._received = bytearray()
        self._unsent = memoryview(b"")
        self._is_paused = False
        self._is_last = False  # the connection is closed after the present answer
        self._pending: asyncio.Future[HttpAnswer] | None = None  # the answer that is being made
        self._next_turn: asyncio.Handle | None = None
        self.connected_at_s = self.active_at_s = 0.0
        self.requests_count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.connected_at_s = self.active_at_s = self._clients.now_s()
        if not self._clients.admit(self):
            self.transport.write(_REFUSAL)
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._unsent = memoryview(b"")
        self._clients.forget(self)

    def data_received(self, data: bytes) -> None:
        if not self._is_last:
            self._received += data
            self._answer_all()

    def pause_writing(self) -> None:
        """Answer nothing more until the client has read."""
        self._is_paused = True
        self._read_if_idle()

    def resume_writing(self) -> None:
        """Send the rest, then answer what the client has asked meanwhile."""
        self._is_paused = False
        if not self.transport.is_closing():
            self._send_on()
            self._answer_all()

    @property
    def is_sending(self) -> bool:
        """Whether a part of an answer has not been sent yet."""
        is_unsent = bool(self._unsent) or self.transport.get_write_buffer_size() > 0
        return is_unsent or self._pending is not None

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
        self._end()
        self.transport.abort()

    def _answer_all(self) -> None:
        """Answer what was received, as far as it is this client's turn."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        for _ in range(TURN_REQUESTS_MAX):
            if self._is_busy or (head := self._next_head()) is None:
                break
            self._answer(head)
        else:
            self._next_turn = asyncio.get_running_loop().call_soon(self._answer_all)
        self._read_if_idle()

    @property
    def _is_busy(self) -> bool:
        return self._is_last or self._is_paused or self._pending is not None

    def _read_if_idle(self) -> None:
        """Receive nothing while something waits to be answered, so that it does not grow."""
        if self.transport.is_closing():
            return
        if self._is_busy or self._next_turn is not None:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _next_head(self) -> bytes | None:
        """Return the next head, or one that is too large; None: it is not complete."""
        end = self._received.find(END, 0, HEAD_BYTES_MAX + len(END))
        if end < 0 and len(self._received) <= HEAD_BYTES_MAX:
            return None
        head = bytes(self._received[:end] if end >= 0 else self._received)
        del self._received[: len(head) + len(END)]
        return head

    def _answer(self, head: bytes) -> None:
        request = self._http.request(head)
        if isinstance(request, BadHead):
            self._clients.count("bad_request")
            self._send(HttpAnswer(400, f"bad request: {request.why}\n".encode()), is_last=True)
            return
        self.active_at_s = self._clients.now_s()
        self.requests_count += 1
        answer = self._clients.answer(request)
        if isinstance(answer, HttpAnswer):
            self._send(answer)
        else:
            self._pending = asyncio.ensure_future(answer)
            self._pending.add_done_callback(self._made)

    def _made(self, made: asyncio.Future[HttpAnswer]) -> None:
        """Send an answer that took time to make."""
        self._pending = None
        if made.cancelled():
            return  # the connection is closed
        if error := made.exception():
            self.abort()
            handler = asyncio.get_running_loop().call_exception_handler
            handler({"message": "an HTTP answer failed", "exception": error})
            return
        self._send(made.result())
        self._answer_all()

    def _send(self, answer: HttpAnswer, *, is_last: bool = False) -> None:
        fields = {
            **_HEADERS,
            "Date": formatdate(usegmt=True),
            "Content-Type": answer.content_type,
            **answer.headers,
        }
        head, body = self._http.answer(answer.status, fields, answer.body, is_last=is_last)
        self._is_last = self._http.is_last
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

    def _end(self) -> None:
        """Answer nothing more."""
        self._is_last = True
        if self._pending is not None:
            self._pending.cancel()
        if self._next_turn is not None:
            self._next_turn.cancel()


class _Clients:
    """All connections, and the limits that they share."""

    def __init__(self, answer: MakeAnswer, limits: HttpLimits, count: CountFault) -> None:
        self._answer = answer
        self._limits = limits
        self.count = count
        self.now_s = asyncio.get_running_loop().time
        self.connections: set[_Connection] = set()
        self.used = asyncio.Event()  # there are connections to sweep

    def admit(self, new: _Connection) -> bool:
        """Return whether a new connection is accepted, perhaps instead of another."""
        if len(self.connections) >= self._limits.connections_max and not self._evict():
            self.count("refused")
            return False
        self.connections.add(new)
        self.used.set()
        return True

    def forget(self, closed: _Connection) -> None:
        """A connection is closed."""
        self.connections.discard(closed)

    def answer(self, request: RequestHead) -> HttpAnswer | Awaitable[HttpAnswer]:
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
        if not self.connections:
            self.used.clear()

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


class HttpServer:
    """One listener.  `answer` is called on the loop and must not block; it may be a coroutine.

    `count` counts what clients did wrong.
    """

    def __init__(self, answer: MakeAnswer, limits: HttpLimits, count: CountFault) -> None:
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
            await clients.used.wait()
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
