"""A small HTTP listener: answers from memory, and limits on everything that a client may do.

It reads no request body.  A connection is closed if it does not send a complete request head in
time or if it is idle for too long; at the limit of connections the one that is idle longest is
closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from constellation.errors import AdapterError

HEAD_LINE_BYTES_MAX = 4096
HEAD_FIELDS_MAX = 64
EVICTABLE_IDLE_S = 1.0  # a younger connection may just be sending or reading
SWEEP_INTERVAL_S = 1.0
BACKLOG = 128

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
    accept: str
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
    """Limits for clients.  Times are in seconds."""

    connections_max: int
    head_timeout_s: float
    idle_timeout_s: float


@dataclass(slots=True)
class _Use:
    """The activity of one connection."""

    active_at_s: float
    has_asked: bool = False


class _LimitedServer(web.Server):
    """Closes connections that are idle, slow or beyond the limit."""

    def __init__(self, answer: Callable[[HttpRequest], HttpAnswer], limits: HttpLimits) -> None:
        super().__init__(
            self._handle,
            access_log=None,
            keepalive_timeout=limits.idle_timeout_s,
            lingering_time=0.0,
            max_line_size=HEAD_LINE_BYTES_MAX,
            max_field_size=HEAD_LINE_BYTES_MAX,
            max_headers=HEAD_FIELDS_MAX,
        )
        self._answer = answer
        self._limits = limits
        self._uses: dict[RequestHandler, _Use] = {}

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Accept the connection, or refuse it at the limit."""
        super().connection_made(handler, transport)
        now_s = self._loop.time()
        if len(self._uses) >= self._limits.connections_max and not self._evict(now_s):
            transport.write(_REFUSAL)
            handler.force_close()
            return
        self._uses[handler] = _Use(now_s)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forget the connection."""
        super().connection_lost(handler, exc)
        self._uses.pop(handler, None)

    def sweep(self) -> None:
        """Close connections that are slow or idle for too long."""
        now_s = self._loop.time()
        for handler, use in list(self._uses.items()):
            limits = self._limits
            limit_s = limits.idle_timeout_s if use.has_asked else limits.head_timeout_s
            if now_s - use.active_at_s > limit_s:
                self._close(handler)

    def _evict(self, now_s: float) -> bool:
        idlest = min(self._uses, key=lambda handler: self._uses[handler].active_at_s)
        if now_s - self._uses[idlest].active_at_s < EVICTABLE_IDLE_S:
            return False
        self._close(idlest)
        return True

    def _close(self, handler: RequestHandler) -> None:
        self._uses.pop(handler, None)
        handler.force_close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        use = self._uses.get(request.protocol)
        if use is not None:
            use.active_at_s, use.has_asked = self._loop.time(), True
        sent = request.headers
        asked = HttpRequest(
            request.method, request.path, sent.get("Accept", ""), sent.get("User-Agent", "")
        )
        answer = self._answer(asked)
        headers = {"Server": "constellation", "Content-Type": answer.content_type}
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


class HttpServer:
    """One listener.  `answer` is called on the loop and must not block."""

    def __init__(self, answer: Callable[[HttpRequest], HttpAnswer], limits: HttpLimits) -> None:
        self._answer = answer
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._connections: _LimitedServer | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on `host` and `port`, and on nothing else.

        Raises:
            AdapterError: it cannot listen on the address.  It is safe to try again.
        """
        loop = asyncio.get_running_loop()
        connections = _LimitedServer(self._answer, self._limits)
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
