"""Labels for every key of the schema, each with a valid value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from constellation.traefik.schema.http import ROUTER, SERVICE
from constellation.traefik.schema.kinds import (
    Anything,
    Duration,
    Flag,
    Kind,
    Rows,
    Struct,
    Table,
    Texts,
    Whole,
    is_available,
)
from constellation.traefik.schema.middlewares import MIDDLEWARE
from constellation.traefik.schema.stream import (
    TCP_MIDDLEWARE,
    TCP_ROUTER,
    TCP_SERVICE,
    UDP_ROUTER,
    UDP_SERVICE,
)

STRUCTS: Mapping[tuple[str, str], Struct] = {
    ("http", "routers"): ROUTER,
    ("http", "services"): SERVICE,
    ("http", "middlewares"): MIDDLEWARE,
    ("tcp", "routers"): TCP_ROUTER,
    ("tcp", "services"): TCP_SERVICE,
    ("tcp", "middlewares"): TCP_MIDDLEWARE,
    ("udp", "routers"): UDP_ROUTER,
    ("udp", "services"): UDP_SERVICE,
}

# Values by the end of the path; the longest match counts.  Several values are tried one by one.
VALUES: Mapping[str, tuple[str, ...]] = {
    "rule": ("Host(`a.localhost`)",),
    "entrypoints": ("web",),
    "rulesyntax": ("v3",),
    "certresolver": ("resolver",),
    "tls.options": ("default", "strong@file"),
    "domains[0].main": ("example.org",),
    "domains[0].sans": ("*.example.org, www.example.org",),
    "traceverbosity": ("minimal", "detailed"),
    "router.middlewares": ("gzip@file",),
    "tcprouter.middlewares": ("few@file",),
    "service.middlewares": ("gzip@file",),
    "router.service": ("",),
    "tcprouter.service": ("",),
    "udprouter.service": ("",),
    "udprouter.entrypoints": ("udp",),
    "tcprouter.entrypoints": ("tcp",),
    "tcprouter.rule": ("HostSNI(`*`)",),
    "server.port": ("80",),
    "server.scheme": ("http", "https", "h2c"),
    "server.url": ("http://127.0.0.1:1/path",),
    "cookie.name": ("sticky",),
    "samesite": ("none", "lax", "strict"),
    "healthcheck.scheme": ("http", "https"),
    "healthcheck.mode": ("http", "grpc"),
    "healthcheck.path": ("/health?deep=1",),
    "healthcheck.method": ("HEAD",),
    "strategy": ("wrr", "p2c", "hrw", "leasttime"),
    "serverstransport": ("quick@file",),
    "chain.middlewares": ("gzip@file",),
    "errors.service": ("page@file",),
    "status": ("500-599, 404",),
    "healthcheck.status": ("204",),
    "address": ("http://127.0.0.1:1/auth",),
    "sourcerange": ("10.0.0.0/8, ::1",),
    "excludedips": ("10.0.0.0/8, ::1",),
    "requestheadername": ("X-Test",),
    "ipv6subnet": ("64",),
    "endpoints": ("127.0.0.1:1",),
    "regex": ("^/a(.*)",),
    "replacement": ("/b/$1",),
    "originlistregex": ("^https://a\\.example\\.org$",),
    "expression": ("NetworkErrorRatio() > 0.30 || LatencyAtQuantileMS(50.0) > 100",),
    "retryexpression": ("IsNetworkError() && Attempts() < 2",),
    "basicauth.users": ("a:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",),
    "digestauth.users": ("a:traefik:a2688e031edb4be6a3797f3882655c05",),
    "contenttypes": ("text/html, application/json",),
    "encodings": ("gzip, br",),
    "defaultencoding": ("gzip",),
    "prefixes": ("/a, /b",),
    "prefix": ("/a",),
    "redirectscheme.scheme": ("https",),
    "redirectscheme.port": ("8443",),
    "rewrites.500-599": ("503",),
    "origins": ("https://a.example.org",),
    "proxyprotocol.version": ("1", "2"),
    "headers.stsseconds": ("1",),
    "amount": ("1",),
    "signinurl": ("http://127.0.0.1:1/in",),
}
# Options that name a file that must exist, which these tests do not create.
NOT_TRIED = ("usersfile", "tls.ca", "tls.cert", "tls.key")
# Other keys that a key needs, although the tables do not require them.
ALSO: Mapping[str, tuple[str, ...]] = {
    "basicauth.": ("basicAuth.users",),
    "digestauth.": ("digestAuth.users",),
    "errors.": ("errors.status",),
    "redis.": ("rateLimit.redis.endpoints",),
    "forwardauth.": ("forwardAuth.address",),
    "inflightreq.": ("inFlightReq.amount",),
    "disableretryonnetworkerror": ("retry.status",),
    "forceslash": ("stripPrefix.prefixes",),
}
TABLE_NAMES = {"statusRewrites": "500-599"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A key that can be written as a label, and a value for it."""

    path: str
    kind: Kind
    since: str
    value: str


def leaves(struct: Struct, kind: str, version: str) -> Iterator[Leaf]:
    """Yield every key below `struct` that `version` of Traefik has, with each of its values."""
    for path, leaf_kind, since in paths(struct):
        if is_available(since, version) and not path.lower().endswith(NOT_TRIED):
            for value in _values(f"{kind}.{path}", leaf_kind):
                values_since = dict(getattr(leaf_kind, "since", ()))
                if is_available(values_since.get(value, "3.0"), version):
                    yield Leaf(path, leaf_kind, since, value)


def element(struct: Struct, kind: str, leaf: Leaf) -> dict[str, str]:
    """Return the labels of the smallest element that has `leaf`, by path."""
    found = {path: _values(f"{kind}.{path}", k)[0] for path, k in _required(struct, leaf.path)}
    for part, also in ALSO.items():
        if part in f"{leaf.path.lower()}":
            found |= {path: _values(f"{kind}.{path}", Texts())[0] for path in also}
    return found | {leaf.path: leaf.value}


def paths(struct: Struct, prefix: str = "", since: str = "3.0") -> Iterator[tuple[str, Kind, str]]:
    """Yield every key below `struct`, its kind, and the version that it came with."""
    for field in struct.fields:
        path, came = prefix + field.name, max(since, field.since)
        match field.kind:
            case Struct():
                if field.may_be_empty:
                    yield path, field.kind, came
                yield from paths(field.kind, path + ".", came)
            case Rows(row):
                yield from paths(row, path + "[0].", came)
            case Table(value):
                yield f"{path}.{TABLE_NAMES.get(field.name, 'X-Test')}", value, came
            case Anything():
                yield f"{path}.demo.option", field.kind, came
            case _:
                yield path, field.kind, came


def _required(struct: Struct, path: str) -> Iterator[tuple[str, Kind]]:
    """Yield what must be beside `path`, in every struct on the way to it."""
    for field in struct.fields:
        if field.required:
            yield field.name, field.kind
        head, _, rest = path.partition(".")
        if field.name == head and isinstance(field.kind, Struct):
            for below, kind in _required(field.kind, rest):
                yield f"{head}.{below}", kind


def _values(path: str, kind: Kind) -> tuple[str, ...]:
    path = path.lower()
    if isinstance(kind, Struct):
        return ("true",)
    fitting = [end for end in VALUES if path.endswith(end)]
    if fitting:
        return VALUES[max(fitting, key=len)]
    match kind:
        case Flag():
            return ("true", "false") if "headers." not in path else ("true",)
        case Whole(at_least, at_most):
            return (str(max(at_least, min(at_most, 500 if "code" in path else 1))),)
        case Duration():
            return ("2s", "1m30s")
        case _:
            return ("X-Test",)
