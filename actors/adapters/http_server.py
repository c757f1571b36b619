"""A small HTTP listener: answers from memory, and limits on everything that a client may do.

It reads no request body.  A connection is closed if it does not send a complete request head in
time or if it is idle for too long.  At the limit of connections a new one replaces another: first
one that never asked, then one that asked once, then the one that asks most.  So no flood keeps out
Traefik's poll, or ends the connection that Traefik keeps.  What a client does wrong is counted, not
logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from constellation.browser_guard import refusal
from constellation.errors import AdapterError

HEAD_LINE_BYTES_MAX = 4096
HEAD_FIELDS_MAX = 64
READING_S = 1.0  # after that a client that does not read its answer may be replaced
FRESH_S = 0.25  # a younger connection may be about to ask
REGULAR_REQUESTS = 2  # a client that asked as often on one connection is a regular one
SWEEP_INTERVAL_S = 1.0
BACKLOG = 1024  # a flood must not fill it while the loop is busy

# A browser must neither guess another type nor hand an answer to the page of another site.
_HEADERS = {
    "Server": "constellation",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}

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
    """An answer: all of it is in memory."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


MakeAnswer = Callable[[HttpRequest], HttpAnswer | Awaitable[HttpAnswer]]


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits for clients.  Times are in seconds.

    `own_hosts`: names by which they may address the listener (see `browser_guard`).
    """

    connections_max: int
    head_timeout_s: float
    idle_timeout_s: float
    own_hosts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Use:
    """The activity of one connection."""

    transport: asyncio.Transport
    connected_at_s: float
    active_at_s: float
    requests_count: int = 0

    def merit(self, now_s: float) -> tuple[int, float]:
        """Return the order of the connections to keep; the lowest is closed first."""
        if self.requests_count < REGULAR_REQUESTS:
            is_fresh = now_s - self.connected_at_s < FRESH_S
            return int(is_fresh or self.requests_count > 0), self.active_at_s
        return REGULAR_REQUESTS, -self.requests_count / max(1.0, now_s - self.connected_at_s)

    def is_evictable(self, now_s: float) -> bool:
        """Return whether its answers were sent, or its client does not read them."""
        return not self.transport.get_write_buffer_size() or now_s - self.active_at_s >= READING_S


ClientFault = Literal["bad_request", "foreign_page", "evicted", "refused"]
CountFault = Callable[[ClientFault], None]


class _OwnFaults(logging.Filter):
    """Lets only faults of our own into the log: those of clients are counted."""

    def __init__(self, count: CountFault) -> None:
        super().__init__()
        self._count = count

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError | ConnectionError):
            return True
        self._count("bad_request")
        return False


class _LimitedServer(web.Server):
    """Closes connections that are idle, slow or beyond the limit."""

    def __init__(
        self,
        answer: MakeAnswer,
        limits: HttpLimits,
        count: CountFault,
    ) -> None:
        logger = logging.Logger("aiohttp.server")
        logger.parent = logging.root
        logger.addFilter(_OwnFaults(count))
        super().__init__(
            self._handle,
            logger=logger,
            access_log=None,
            keepalive_timeout=limits.idle_timeout_s,
            lingering_time=0.0,
            max_line_size=HEAD_LINE_BYTES_MAX,
            max_field_size=HEAD_LINE_BYTES_MAX,
            max_headers=HEAD_FIELDS_MAX,
        )
        self._answer = answer
        self._limits = limits
        self._count = count
        self._uses: dict[RequestHandler, _Use] = {}
        self.used = asyncio.Event()  # there are connections to sweep

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Accept the connection, or refuse it at the limit."""
        super().connection_made(handler, transport)
        now_s = self._loop.time()
        if len(self._uses) >= self._limits.connections_max and not self._evict(now_s):
            self._count("refused")
            transport.write(_REFUSAL)
            handler.force_close()
            return
        self._uses[handler] = _Use(transport, now_s, now_s)
        self.used.set()

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forget the connection."""
        super().connection_lost(handler, exc)
        self._uses.pop(handler, None)

    def sweep(self) -> None:
        """Close connections that are slow or idle for too long."""
        now_s = self._loop.time()
        for handler, use in list(self._uses.items()):
            limits = self._limits
            limit_s = limits.idle_timeout_s if use.requests_count else limits.head_timeout_s
            if now_s - use.active_at_s > limit_s:
                self._close(handler)
        if not self._uses:
            self.used.clear()

    def _evict(self, now_s: float) -> bool:
        least = min(
            (handler for handler, use in self._uses.items() if use.is_evictable(now_s)),
            key=lambda handler: self._uses[handler].merit(now_s),
            default=None,
        )
        if least is None:
            return False
        self._count("evicted")
        self._close(least)
        return True

    def _close(self, handler: RequestHandler) -> None:
        self._uses.pop(handler, None)
        handler.force_close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        use = self._uses.get(request.protocol)
        if use is not None:
            use.active_at_s = self._loop.time()
            use.requests_count += 1
        answer = self._refusal(request) or self._answer(_read(request))
        if not isinstance(answer, HttpAnswer):
            answer = await answer
        headers = {**_HEADERS, "Content-Type": answer.content_type}
        response = web.Response(
            status=answer.status, body=answer.body, headers={**headers, **answer.headers}
        )
        # If the client is gone, writing the body fails again, and aiohttp handles that.
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            # Sent apart from the body, or aiohttp would copy the body for each request; so all slow
            # clients share one copy.
            request.writer.send_headers()
        return response

    def _refusal(self, request: web.BaseRequest) -> HttpAnswer | None:
        """Return the answer to a request that a page of a foreign site may have sent."""
        fields = request.headers
        why = refusal(fields.get("Host"), fields.get("Origin"), self._limits.own_hosts)
        if not why:
            return None
        self._count("foreign_page")
        return HttpAnswer(403, f"{why}\n".encode())


def _read(request: web.BaseRequest) -> HttpRequest:
    sent = request.headers
    return HttpRequest(
        request.method, request.path, sent.get("Accept", ""), sent.get("User-Agent", "")
    )


class HttpServer:
    """One listener.  `answer` is called on the loop and must not block; it may be a coroutine.

    `count` counts what clients did wrong.
    """

    def __init__(
        self,
        answer: MakeAnswer,
        limits: HttpLimits,
        count: CountFault,
    ) -> None:
        self._answer = answer
        self._limits = limits
        self._count = count
        self._server: asyncio.Server | None = None
        self._connections: _LimitedServer | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on `host` and `port`, and on nothing else.

        Raises:
            AdapterError: it cannot listen on the address.  It is safe to try again.
        """
        loop = asyncio.get_running_loop()
        connections = _LimitedServer(self._answer, self._limits, self._count)
        try:
            self._server = await loop.create_server(connections, host, port, backlog=BACKLOG)
        except OSError as error:
            raise AdapterError(
                f"HTTP listener on {host} port {port}", why=_why(error), fix=_fix(error)
            ) from error
        self._connections = connections
        self._sweeper = asyncio.create_task(self._sweep(connections))

    async def stop(self) -> None:
        """Close the listener and all connections.  Idempotent."""
        if self._server is not None and self._connections is not None and self._sweeper is not None:
            self._sweeper.cancel()
            self._server.close()
            await self._connections.shutdown(timeout=0.5)
            await self._server.wait_closed()
            self._server = None

    async def _sweep(self, connections: _LimitedServer) -> None:
        while True:
            await connections.used.wait()
            await asyncio.sleep(SWEEP_INTERVAL_S)
            connections.sweep()


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens on this port"
    return error.strerror or str(error)


def _fix(error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return "set http.bind_address to an address of this host"
    return "stop the other program, or set http.port to a free port"
