"""What the labels of a container ask of Traefik (Traefik documentation, "Docker labels", v3).

Paths are case-insensitive, list values are separated by commas.  A label that is wrong takes
down no more than the router or service it names.  A router that asks for something that is not
honoured here, such as TLS, is not published at all: without it, it would be open to more than
its owner wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from constellation.traefik.rejection import Complaint
from constellation.traefik.rule import RuleError, check_rule
from messages.monitor import Label

NAMED_MAX = 64  # routers, and services, of one container
SCHEMES = ("http", "https", "h2c")
PRIORITY_DIGITS_MAX = 18

_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_MIDDLEWARE = re.compile(r"[A-Za-z0-9_.-]{1,64}(@[a-z0-9]{1,32})?")
_ENTRY_POINT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


@dataclass(frozen=True, slots=True)
class RouterLabels:
    """One router as its labels define it.  Empty or None: not said.  `broken`: leave it out."""

    rule: str = ""
    entry_points: tuple[str, ...] = ()
    priority: int | None = None
    service: str = ""
    middlewares: tuple[str, ...] = ()
    broken: bool = False


@dataclass(frozen=True, slots=True)
class ServiceLabels:
    """One service as its labels define it.  0 or empty: not said.  `broken`: leave it out."""

    port: int = 0
    scheme: str = ""
    broken: bool = False


@dataclass(frozen=True, slots=True)
class TraefikLabels:
    """Everything the labels of one container say, and what is wrong with them."""

    enabled: bool = True
    has_stream: bool = False  # TCP or UDP routers or services
    routers: dict[str, RouterLabels] = field(default_factory=dict)
    services: dict[str, ServiceLabels] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()

    @property
    def has_http(self) -> bool:
        """At least one label is about HTTP."""
        return bool(self.routers or self.services)


L = TypeVar("L", RouterLabels, ServiceLabels)


class _LabelError(ValueError):
    """The label cannot be honoured; `breaks` what it is about, or is merely passed over."""

    def __init__(self, reason: str, remedy: str, *, breaks: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.breaks = breaks


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    enabled: bool = True
    has_stream: bool = False
    routers: dict[str, RouterLabels] = field(default_factory=dict)
    services: dict[str, ServiceLabels] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)


def read_labels(labels: Iterable[Label]) -> TraefikLabels:
    """Return what `labels` ask for, whatever their order."""
    reading, seen = _Reading(), set[str]()
    for label in sorted(labels, key=lambda label: (label.name.lower(), label.name)):
        path = label.name.lower()
        if not path.startswith(("traefik.", "constellation.http")):
            continue
        if path in seen:
            reason = "it is there twice, in different case, and the first is taken"
            reading.complaints.append(Complaint(label.name[:128], reason, "remove one of them"))
            continue
        seen.add(path)
        try:
            _read_label(reading, path, label.value.strip())
        except _LabelError as error:
            shown = label.name[:128]
            reading.complaints.append(Complaint(shown, error.reason, error.remedy))
    return TraefikLabels(
        reading.enabled,
        reading.has_stream,
        reading.routers,
        reading.services,
        tuple(reading.complaints),
    )


def _read_label(reading: _Reading, path: str, value: str) -> None:
    match path.split("."):
        case ["traefik", "enable"] | ["constellation", "http"]:
            # A switch that cannot be read is taken as off: on could publish what nobody asked for.
            reading.enabled = reading.enabled and _BOOLEANS.get(value, False)
            _boolean(value)
        case ["traefik", "http", "routers", name, *option]:
            _read_option(reading.routers, RouterLabels(), name, _ROUTER, option, value)
        case ["traefik", "http", "services", name, *option]:
            _read_option(reading.services, ServiceLabels(), name, _SERVICE, option, value)
        case ["traefik", "tcp" | "udp" as protocol, *_]:
            reading.has_stream = True
            raise _LabelError(f"{protocol} routers are not honoured yet", "publish it as HTTP")
        case ["traefik", "http", *_]:
            raise _LabelError("this part of the HTTP labels is not honoured yet", "remove it")
        case ["traefik", "docker", "network" | "lbswarm"]:
            return  # Servers are reached at published ports, so the network does not matter.
        case _:
            raise _LabelError("there is no such label", "correct its name")


def _read_option(
    named: dict[str, L],
    blank: L,
    name: str,
    options: dict[str, Callable[[L, str], L]],
    option: list[str],
    value: str,
) -> None:
    if not _NAME.fullmatch(name):
        raise _LabelError(f"{name[:64]!r} is no name", "use 1 to 64 of a-z, 0-9, '-' and '_'")
    if name not in named and len(named) >= NAMED_MAX:
        raise _LabelError(f"more than {NAMED_MAX} are defined", "use fewer")
    before = named.setdefault(name, blank)
    read = options.get(".".join(option), options["*"])
    try:
        named[name] = read(before, value)
    except _LabelError as error:
        named[name] = replace(before, broken=before.broken or error.breaks)
        raise


def _boolean(value: str) -> bool:
    if value not in _BOOLEANS:
        raise _LabelError(f"{value[:64]!r} is neither true nor false", "write true or false")
    return _BOOLEANS[value]


def _names(value: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(","))
    for name in names:
        if not pattern.fullmatch(name):
            raise _LabelError(f"{name[:64]!r} is no {what}", "separate names by commas")
    return tuple(dict.fromkeys(names))


def _rule(router: RouterLabels, value: str) -> RouterLabels:
    try:
        check_rule(value)
    except RuleError as error:
        remedy = "write it as in Traefik's documentation, e.g. Host(`app.example.org`)"
        raise _LabelError(f"Traefik cannot parse this rule: {error}", remedy) from error
    return replace(router, rule=value)


def _entry_points(router: RouterLabels, value: str) -> RouterLabels:
    return replace(router, entry_points=_names(value, _ENTRY_POINT, "entry point"))


def _priority(router: RouterLabels, value: str) -> RouterLabels:
    if not re.fullmatch(rf"-?[0-9]{{1,{PRIORITY_DIGITS_MAX}}}", value):
        raise _LabelError(f"{value[:64]!r} is no priority", "write a whole number")
    return replace(router, priority=int(value))


def _service(router: RouterLabels, value: str) -> RouterLabels:
    name = value.lower()
    if not _NAME.fullmatch(name):
        remedy = "name a service that this container's labels define"
        raise _LabelError(f"{value[:64]!r} is no service of this container", remedy)
    return replace(router, service=name)


def _middlewares(router: RouterLabels, value: str) -> RouterLabels:
    return replace(router, middlewares=_names(value, _MIDDLEWARE, "middleware"))


def _router_unknown(router: RouterLabels, value: str) -> RouterLabels:
    raise _LabelError("this router option is not honoured yet", "remove it to publish the router")


def _port(service: ServiceLabels, value: str) -> ServiceLabels:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 0 < int(value) < 65536:
        raise _LabelError(f"{value[:64]!r} is no port", "write a number from 1 to 65535")
    return replace(service, port=int(value))


def _scheme(service: ServiceLabels, value: str) -> ServiceLabels:
    if value.lower() not in SCHEMES:
        raise _LabelError(f"{value[:64]!r} is no scheme", f"write one of {', '.join(SCHEMES)}")
    return replace(service, scheme=value.lower())


def _service_unknown(service: ServiceLabels, value: str) -> ServiceLabels:
    remedy = "remove it; the service is published without it"
    raise _LabelError("this service option is not honoured yet", remedy, breaks=False)


_ROUTER: dict[str, Callable[[RouterLabels, str], RouterLabels]] = {
    "rule": _rule,
    "entrypoints": _entry_points,
    "priority": _priority,
    "service": _service,
    "middlewares": _middlewares,
    "*": _router_unknown,
}
_SERVICE: dict[str, Callable[[ServiceLabels, str], ServiceLabels]] = {
    "loadbalancer.server.port": _port,
    "loadbalancer.server.scheme": _scheme,
    "*": _service_unknown,
}
