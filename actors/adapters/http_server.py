"""A small HTTP listener: short answers from memory, and limits on everything a client may do.

No request body is read.  A connection that does not send a whole request head in time is
closed, and so is one that falls idle; when all places are taken the idlest gives way.
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
    """What an answer may depend on."""

    method: str
    path: str
    accept: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer from memory."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What clients may take up.  Seconds."""

    connections_max: int
    head_timeout_s: float
    idle_timeout_s: float


@dataclass(slots=True)
class _Use:
    """What one connection has done."""

    active_at_s: float
    has_asked: bool = False


class _LimitedServer(web.Server):
    """Knows when each connection was last active."""

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
        """Give the connection a place, or refuse it."""
        super().connection_made(handler, transport)
        now_s = self._loop.time()
        if len(self._uses) >= self._limits.connections_max and not self._evict(now_s):
            transport.write(_REFUSAL)
            handler.force_close()
            return
        self._uses[handler] = _Use(now_s)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Free the place."""
        super().connection_lost(handler, exc)
        self._uses.pop(handler, None)

    def sweep(self) -> None:
        """Close what has been slow or idle for too long."""
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
        asked = HttpRequest(request.method, request.path, request.headers.get("Accept", ""))
        answer = self._answer(asked)
        headers = {"Server": "constellation", "Content-Type": answer.content_type}
        response = web.Response(
            status=answer.status, body=answer.body, headers={**headers, **answer.headers}
        )
        # A gone client is found out about again by who writes the body.
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            # Apart from the body, which aiohttp would else copy for every request: so all clients
            # that take their time wait for one and the same.
            request.writer.send_headers()
        return response


class HttpServer:
    """One listener.  `answer` is called on the loop and must not wait for anything."""

    def __init__(self, answer: Callable[[HttpRequest], HttpAnswer], limits: HttpLimits) -> None:
        self._answer = answer
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._connections: _LimitedServer | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on `host` and `port`, and on nothing else.

        Raises:
            AdapterError: the address cannot be listened on.  Safe to try again.
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
        """Close the listener and every connection.  Safe to repeat."""
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
        return "another program listens there"
    return error.strerror or str(error)


def _fix(error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return "set http.bind_address to an address of this host"
    return "stop the other program, or set http.port to a free port"
