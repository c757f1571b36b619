"""A double of Cloudflare's API v4: zones, DNS records, batches, limits, and failures on demand.

    with cloudflare() as api:
        zone = api.add_zone("home.example")
        api.add(zone, name="home.example", type="A", content="192.0.2.1")     # as a person does
        api.plant(Fault(status=429, retry_after_s=300), times=2)
        ...                                                   # a client of `api.url`, with `TOKEN`
        assert [call.what for call in api.calls] == ["list", "batch"]

It serves from a thread of its own, on loopback.  Proxied records answer with TTL 1; records of one
name come back in another order each time; a name outside the zone is taken for one relative to it.
Everything a client sends that the double does not know is refused, never ignored, except for
headers: the version that the SDK names is the day's date.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aiohttp import web

from rigs.cloudflare_zone import Record, RefusedError, Zone
from rigs.ports import free_port

PREFIX = "/client/v4"
TOKEN = "t0ken-of-the-double-0123456789abcdefghij"
EMAIL = "owner@home.example"
KEY = "0123456789abcdef0123456789abcdef01234"  # the account's Global API Key
CALLS_MAX = 1200
WINDOW_S = 300.0
HISTORY_MAX = 256
LOG_MAX = 100_000
PER_PAGE = {"zones": (20, 50), "dns_records": (100, 5000)}  # default, most
BODY_BYTES_MAX = 16 << 20
WORDS = ("exact", "startswith", "endswith", "contains")
What = Literal["zones", "list", "get", "create", "patch", "put", "delete", "batch", "unknown"]
WRITES: frozenset[What] = frozenset({"create", "patch", "put", "delete", "batch"})
HTML_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad "
    "Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a request.

    `at` is "before", and the request is not executed, or "after".  Then, in this order: the answer
    is delayed; the connection is cut, or nothing is answered until the client gives up; the status
    is sent with `body`, or with an error body of the API; the answer says that it failed.
    """

    at: Literal["before", "after"] = "before"
    delay_s: float = 0.0
    cuts: bool = False
    hangs: bool = False
    status: int = 0
    code: int = 0
    text: str = "planted"
    body: str = ""  # HTML
    raw: Mapping[str, Any] | None = None  # a body as it stands, with the status 200
    retry_after_s: float | None = None
    location: str = ""
    is_unsuccessful: bool = False  # `success: false` with the status 200
    only: frozenset[What] | None = None  # to which requests it happens; None: to all

    @property
    def only_delays(self) -> bool:
        """Whether the answer is the usual one, only later."""
        ends = self.cuts or self.hangs or self.status or self.is_unsuccessful
        return not (ends or self.raw is not None)


LIMITED = Fault(status=429, code=971, text="Please wait and consider throttling your request speed")
BAD_GATEWAY = Fault(status=502, body=HTML_502)


@dataclass(frozen=True)
class Call:
    """One request, as it was received."""

    at_s: float  # by the clock of the double
    what: What
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    authentication: tuple[tuple[str, str], ...]  # headers, names in lower case
    headers: Mapping[str, str] = field(repr=False)  # all; names in lower case
    body: Any = None
    status: int = 0  # of the answer; 0: none was sent
    writes: int = 0  # records that were created, changed or deleted


@dataclass
class _Planted:
    fault: Fault
    times: int


class Cloudflare:
    """The account: its zones, its credentials, and the log of all calls.

    `rights` are those of each token.  Methods may be called from any thread.
    """

    def __init__(
        self, host: str = "127.0.0.1", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.host = host
        self.port = free_port(host)
        self.url = f"http://{host}:{self.port}{PREFIX}"
        self.rights: dict[str, frozenset[str]] = {TOKEN: frozenset({"read", "edit"})}
        self.calls_max = CALLS_MAX
        self.stale_s = 0.0  # lists answer the state of so many seconds ago
        self._clock = clock
        self._guard = threading.RLock()
        self._zones: dict[str, Zone] = {}
        self._history: dict[str, deque[tuple[float, dict[str, Record]]]] = {}
        self._calls: deque[Call] = deque(maxlen=LOG_MAX)
        self._planted: list[_Planted] = []
        self._counted: deque[float] = deque()
        self._blocked_until_s = -math.inf
        self._lists = 0

    # What tests use.

    @property
    def calls(self) -> list[Call]:
        """All requests so far, in the order of their arrival."""
        with self._guard:
            return [*self._calls]

    @property
    def zone_ids(self) -> list[str]:
        """The ids of all zones, in the order in which they were added."""
        with self._guard:
            return [*self._zones]

    def calls_of(self, *kinds: What) -> list[Call]:
        """Return the requests of these kinds."""
        return [call for call in self.calls if call.what in kinds]

    def forget_calls(self) -> None:
        """Empty the log."""
        with self._guard:
            self._calls.clear()

    def plant(self, fault: Fault, *, times: int = 1) -> None:
        """Let a fault happen to the next so many requests that it concerns."""
        with self._guard:
            self._planted.append(_Planted(fault, times))

    def heal(self) -> None:
        """Let no planted fault happen any more."""
        with self._guard:
            self._planted.clear()

    def add_zone(self, name: str, *, records_max: int = 1000) -> str:
        """Add a zone without records and return its id."""
        with self._guard:
            zone = Zone(name, records_max=records_max)
            self._zones[zone.id] = zone
            self._history[zone.id] = deque(maxlen=HISTORY_MAX)
            self._remember(zone)
            return zone.id

    def records(self, zone_id: str) -> list[Record]:
        """Return copies of all records as they are now, by name, type and content."""
        with self._guard:
            found = copy.deepcopy([*self._zones[zone_id].records.values()])
        return sorted(found, key=lambda one: (one["name"], one["type"], one["content"]))

    def add(self, zone_id: str, **fields: Any) -> Record:
        """Create a record as a person does: at once, and without a call in the log."""
        return self.edit_zone(zone_id, posts=[{"ttl": 1, **fields}])["posts"][0]

    def edit(self, zone_id: str, record_id: str, **fields: Any) -> Record:
        """Change a record as a person does."""
        return self.edit_zone(zone_id, patches=[{"id": record_id, **fields}])["patches"][0]

    def remove(self, zone_id: str, record_id: str) -> None:
        """Delete a record as a person does."""
        self.edit_zone(zone_id, deletes=[{"id": record_id}])

    def edit_zone(self, zone_id: str, **operations: Sequence[Any]) -> dict[str, list[Record]]:
        """Execute a batch as a person does.

        Raises:
            RefusedError: the API would refuse it.
        """
        with self._guard:
            done = self._zones[zone_id].batch(operations)
            self._remember(self._zones[zone_id])
            return done

    # Requests.

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        call = await self._received(request)
        with self._guard:
            self._calls.append(call)
            fault = self._fault_for(call)
            limited = self._limited(call)
        response, writes = limited, 0
        if fault is not None and fault.at == "before":
            await asyncio.sleep(fault.delay_s)
        if response is None and (fault is None or fault.at == "after" or fault.only_delays):
            response, writes = self._executed(call)
        if fault is not None and fault.at == "after":
            await asyncio.sleep(fault.delay_s)
        if fault is not None and not fault.only_delays:
            response = _failure(fault)
        with self._guard:
            done = replace(
                call, status=response.status if response is not None else 0, writes=writes
            )
            for place, one in enumerate(self._calls):
                if one is call:
                    self._calls[place] = done
        if response is None:
            if fault is not None and fault.hangs:
                await _until_gone(request)
            _cut(request)
            return web.Response()
        response.headers.update(self._budget())
        return response

    async def _received(self, request: web.Request) -> Call:
        content = await request.read()
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = content.decode(errors="replace")
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Call(
            at_s=self._clock(),
            what=_what(request.method, request.path),
            method=request.method,
            path=request.path,
            query=tuple(request.query.items()),
            authentication=tuple(
                (name, headers[name])
                for name in ("authorization", "x-auth-email", "x-auth-key")
                if name in headers
            ),
            headers=headers,
            body=body,
        )

    def _fault_for(self, call: Call) -> Fault | None:
        for planted in self._planted:
            if planted.fault.only is None or call.what in planted.fault.only:
                planted.times -= 1
                if planted.times == 0:
                    self._planted.remove(planted)
                return planted.fault
        return None

    # What requests do.

    def _executed(self, call: Call) -> tuple[web.Response, int]:
        """Execute a request; return its answer, and how many records it has changed."""
        with self._guard:
            try:
                self._check_rights(call)
                if call.what == "zones":
                    return self._list_zones(call), 0
                zone = self._zone_of(call)
                if call.what == "list":
                    return self._list_records(call, zone), 0
                result, writes = _on_zone(call, zone)
                if writes:
                    self._remember(zone)
                return _answer(200, result), writes
            except RefusedError as error:
                return _answer(error.status, None, errors=[(error.code, error.text)]), 0

    def _check_rights(self, call: Call) -> None:
        if ("edit" if call.what in WRITES else "read") not in self._rights_of(call):
            raise RefusedError(10_000, "Authentication error", status=403)

    def _rights_of(self, call: Call) -> frozenset[str]:
        given = dict(call.authentication)
        if "x-auth-key" in given or "x-auth-email" in given:  # they come first, as in the API
            if not {"x-auth-key", "x-auth-email"} <= {*given}:
                text = "Missing X-Auth-Key, X-Auth-Email or Authorization headers"
                raise RefusedError(9106, text)
            if (given["x-auth-key"], given["x-auth-email"]) != (KEY, EMAIL):
                raise RefusedError(9103, "Unknown X-Auth-Key or X-Auth-Email", status=403)
            return frozenset({"read", "edit"})
        if "authorization" not in given:
            raise RefusedError(9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        token = given["authorization"].removeprefix("Bearer ")
        if token not in self.rights:
            raise RefusedError(9109, "Invalid access token", status=403)
        return self.rights[token]

    def _zone_of(self, call: Call) -> Zone:
        parts = call.path.removeprefix(PREFIX).split("/")
        zone = self._zones.get(parts[2]) if len(parts) > 2 else None
        if zone is None or call.what == "unknown":
            text = f"Could not route to {call.path}, perhaps your object identifier is invalid?"
            raise RefusedError(7003, text, status=404)
        return zone

    def _list_zones(self, call: Call) -> web.Response:
        query = dict(call.query)
        names = query.pop("name", None)
        page, per_page = _page_of(query, "zones")
        _refuse_rest(query)
        found = [
            {"id": zone.id, "name": zone.name, "status": "active", "paused": False, "type": "full"}
            for zone in self._zones.values()
            if names is None or zone.name == names.lower()
        ]
        return _page(found, page, per_page)

    def _list_records(self, call: Call, zone: Zone) -> web.Response:
        query = dict(call.query)
        page, per_page = _page_of(query, "dns_records")
        is_any = query.pop("match", "all") == "any"
        filters = [_filter(name, value) for name, value in query.items()]
        self._lists += page == 1
        found = [
            one
            for one in self._seen(zone)
            if not filters or (any if is_any else all)(matches(one) for matches in filters)
        ]
        return _page(_in_another_order(found, self._lists), page, per_page)

    def _seen(self, zone: Zone) -> list[Record]:
        """Return the records that a list sees: those of `stale_s` ago."""
        if not self.stale_s:
            return [*zone.records.values()]
        until_s = self._clock() - self.stale_s
        states = [state for at_s, state in self._history[zone.id] if at_s <= until_s]
        return [*(states[-1] if states else self._history[zone.id][0][1]).values()]

    def _remember(self, zone: Zone) -> None:
        self._history[zone.id].append((self._clock(), copy.deepcopy(zone.records)))

    # Limits.

    def _limited(self, call: Call) -> web.Response | None:
        """Count a request; over the limit all are refused for as long as its window."""
        while self._counted and self._counted[0] <= call.at_s - WINDOW_S:
            self._counted.popleft()
        if call.at_s < self._blocked_until_s:
            response = _answer(429, None, errors=[(LIMITED.code, LIMITED.text)])
            wait_s = math.ceil(self._blocked_until_s - call.at_s)
            response.headers["Retry-After"] = str(wait_s)
            return response
        self._counted.append(call.at_s)
        if len(self._counted) > self.calls_max:
            self._blocked_until_s = call.at_s + WINDOW_S
            return self._limited(call)
        return None

    def _budget(self) -> dict[str, str]:
        now_s = self._clock()
        with self._guard:
            left = max(0, self.calls_max - len(self._counted))
            first_s = self._counted[0] if self._counted else now_s
        reset_s = max(1, math.ceil(first_s + WINDOW_S - now_s))
        return {
            "Ratelimit": f'"default";r={left};t={reset_s}',
            "Ratelimit-Policy": f'"default";q={self.calls_max};w={WINDOW_S:g}',
        }


@contextlib.contextmanager
def cloudflare(
    host: str = "127.0.0.1", *, clock: Callable[[], float] = time.monotonic
) -> Iterator[Cloudflare]:
    """Serve a double until the block ends."""
    double = Cloudflare(host, clock=clock)
    loop = asyncio.new_event_loop()
    listening = threading.Event()

    async def serve() -> web.AppRunner:
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_route("*", "/{path:.*}", double.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, host, double.port).start()
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(serve())
        listening.set()
        loop.run_forever()
        loop.run_until_complete(_end(runner))
        loop.close()

    thread = threading.Thread(target=run, name="cloudflare", daemon=True)
    thread.start()
    assert listening.wait(10), f"the double does not listen on {host}:{double.port}"
    try:
        yield double
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        assert not thread.is_alive(), "the double does not end"


async def _end(runner: web.AppRunner) -> None:
    """End the server, and the requests that hang."""
    await runner.cleanup()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _what(method: str, path: str) -> What:
    parts = path.removeprefix(PREFIX).strip("/").split("/")
    match method, parts:
        case "GET", ["zones"]:
            return "zones"
        case "GET", ["zones", _, "dns_records"]:
            return "list"
        case "POST", ["zones", _, "dns_records"]:
            return "create"
        case "POST", ["zones", _, "dns_records", "batch"]:
            return "batch"
        case _, ["zones", _, "dns_records", _]:
            kinds: dict[str, What] = {
                "GET": "get",
                "PATCH": "patch",
                "PUT": "put",
                "DELETE": "delete",
            }
            return kinds.get(method, "unknown")
        case _:
            return "unknown"


def _on_zone(call: Call, zone: Zone) -> tuple[Any, int]:
    """Return the result of a request to one zone, and how many records it has changed."""
    record_id = call.path.rpartition("/")[2]
    if call.what in WRITES - {"delete"} and not isinstance(call.body, dict):
        raise RefusedError(9207, "Request body is invalid.")
    match call.what:
        case "batch":
            if unknown := sorted({*call.body} - {"deletes", "patches", "puts", "posts"}):
                raise RefusedError(1004, f"DNS Validation Error: unknown field {unknown[0]}")
            done = zone.batch(call.body)
            return done, sum(map(len, done.values()))
        case "create":
            return zone.batch({"posts": [call.body]})["posts"][0], 1
        case "patch":
            return zone.batch({"patches": [{"id": record_id, **call.body}]})["patches"][0], 1
        case "put":
            return zone.batch({"puts": [{"id": record_id, **call.body}]})["puts"][0], 1
        case "delete":
            return {"id": zone.delete(record_id)["id"]}, 1
        case _:
            return zone.get(record_id), 0


def _page_of(query: dict[str, str], kind: str) -> tuple[int, int]:
    default, most = PER_PAGE[kind]
    try:
        page, per_page = int(query.pop("page", "1")), int(query.pop("per_page", str(default)))
    except ValueError:
        raise RefusedError(1004, "DNS Validation Error: page and per_page are numbers") from None
    if page < 1 or not 1 <= per_page <= most:
        raise RefusedError(1004, f"DNS Validation Error: per_page is 1 to {most}")
    return page, per_page


def _refuse_rest(query: Mapping[str, str]) -> None:
    if query:
        raise RefusedError(1004, f"DNS Validation Error: unknown parameter {sorted(query)[0]}")


def _filter(name: str, value: str) -> Callable[[Record], bool]:
    """Return what tells whether a record matches one filter, such as `name.startswith`."""
    attribute, _, word = name.partition(".")
    word = word or "exact"
    value = value.lower()  # all filters ignore case
    if attribute == "proxied" and word == "exact":
        return lambda record: str(record["proxied"]).lower() == value
    if attribute not in {"name", "type", "content", "comment"} or word not in WORDS:
        raise RefusedError(1004, f"DNS Validation Error: unknown parameter {name}")

    def matches(record: Record) -> bool:
        text = str(record[attribute] or "").lower()
        match word:
            case "startswith":
                return text.startswith(value)
            case "endswith":
                return text.endswith(value)
            case "contains":
                return value in text
            case _:
                return text == value

    return matches


def _in_another_order(records: Sequence[Record], turn: int) -> list[Record]:
    """Return the records by name, with those of one name in an order that changes each turn."""
    by_name: dict[str, list[Record]] = {}
    for record in records:
        by_name.setdefault(record["name"], []).append(record)
    found: list[Record] = []
    for name in sorted(by_name):
        same = by_name[name]
        shift = turn % len(same)
        found += same[shift:] + same[:shift]
    return found


def _page(found: Sequence[Any], page: int, per_page: int) -> web.Response:
    shown = found[(page - 1) * per_page : page * per_page]
    info = {
        "page": page,
        "per_page": per_page,
        "count": len(shown),
        "total_count": len(found),
        "total_pages": math.ceil(len(found) / per_page),
    }
    return _answer(200, [*shown], result_info=info)


def _answer(
    status: int, result: Any, *, errors: Sequence[tuple[int, str]] = (), **more: Any
) -> web.Response:
    body = {
        "result": result,
        "success": status < 400 and result is not None,
        "errors": [{"code": code, "message": text} for code, text in errors],
        "messages": [],
        **more,
    }
    return web.json_response(body, status=status)


def _failure(fault: Fault) -> web.Response | None:
    """Return the answer of a fault; None: there is none."""
    if fault.cuts or fault.hangs:
        return None
    if fault.raw is not None:
        return web.json_response(dict(fault.raw))
    errors = [(fault.code, fault.text)] if fault.code else []
    if fault.is_unsuccessful:
        return _answer(200, None, errors=errors)
    if fault.body:
        made = web.Response(status=fault.status, text=fault.body, content_type="text/html")
    else:
        made = _answer(fault.status, None, errors=errors)
    if fault.retry_after_s is not None:
        made.headers["Retry-After"] = f"{fault.retry_after_s:g}"
    if fault.location:
        made.headers["Location"] = fault.location
    return made


async def _until_gone(request: web.Request) -> None:
    """Wait until the client has given up."""
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.02)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
