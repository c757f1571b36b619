"""How this node's Traefik reaches one port of an instance.

A published port comes first.  Without one, an instance on this node is reached at the container's
own address, and an instance on another node through that node's Traefik, for HTTP only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from msgspec.structs import replace

from constellation.traefik.elements import Protocol, Wish
from constellation.traefik.rejection import Complaint
from constellation.traefik.unreachable import mistaken_port, why_unreached
from constellation.value import Value
from messages.monitor import Endpoint, ServiceState

How = Literal["published", "container", "ingress", "url"]

# Ports that by registration or convention speak another protocol than HTTP.
_NOT_HTTP = {
    "files": (20, 21, 111, 139, 445, 873, 989, 990, 2049),
    "shells and screens": (22, 23, 514, 3389, 5900),
    "mail": (25, 110, 143, 465, 587, 993, 995),
    "names, time, directories, routing": (53, 123, 161, 179, 389, 636, 853, 7946),
    "databases": (1433, 1521, 3306, 5432, 6379, 9042, 11211, 16379, 26379, 27017, 27018),
    "queues and coordination": (1883, 2181, 4222, 5672, 8883, 9092),
    "voice, chat, streams": (554, 5060, 5222, 6667),
}
NOT_HTTP_PORTS = frozenset(port for ports in _NOT_HTTP.values() for port in ports)

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class Reached(NamedTuple):
    """How an instance is reached.

    `address` is host:port as in a URL, or a whole URL if `how` is "url".  `scheme` is empty for
    TCP, UDP and a whole URL.
    """

    address: str
    scheme: str
    how: How


class Place(Value):
    """Where an instance is, seen from this node.

    Attributes:
        reaches_containers: the instance is on this node, and Traefik reaches its container.
        ingress: host:port of the Traefik on the other node; empty: it has no ingress.
        hop_of_https: the scheme of the hop to a container that is reached by https.
    """

    reaches_containers: bool = False
    ingress: str = ""
    hop_of_https: Literal["http", "h2c"] = "http"

    def hop(self, scheme: str) -> Reached:
        """Return the way through the other node's Traefik to what speaks `scheme`."""
        hops = {"h2c": "h2c", "https": self.hop_of_https}
        return Reached(self.ingress, hops.get(scheme, "http"), "ingress")


def serves_no_http(state: ServiceState) -> bool:
    """Return whether no port of `state` speaks HTTP, as far as is known."""
    if any(endpoint.scheme for endpoint in state.endpoints):
        return False
    tcp = {item.container_port for item in state.endpoints if item.protocol == "tcp"}
    tcp |= set(state.exposed_ports)
    return tcp <= NOT_HTTP_PORTS if tcp else bool(state.endpoints)


def reach(state: ServiceState, wish: Wish, protocol: Protocol, place: Place) -> Reached | Complaint:
    """Return how to reach what `wish` describes, or why that is impossible.

    If `wish` names no port, it is the lowest published port of the container that may speak the
    protocol, or else the lowest port that the image exposes.
    """
    if wish.url:
        return Reached(wish.url, "", "url")
    if port := mistaken_port(state, wish, protocol):
        wish = replace(wish, port=port)
    endpoint = _published(state.endpoints, wish, protocol)
    if endpoint is not None:
        host = _url_host(endpoint.host)
        if host is None:
            reason = f"other nodes cannot reach the address {endpoint.host[:64]!r}"
            return Complaint("", reason, "publish the port on an address that other nodes reach")
        scheme = (wish.scheme or endpoint.scheme or "http") if protocol == "http" else ""
        return Reached(f"{host}:{endpoint.port}", scheme, "published")
    return _unpublished(state, wish, protocol, place)


def _published(endpoints: Iterable[Endpoint], wish: Wish, protocol: Protocol) -> Endpoint | None:
    """Return the lowest published port that fits, at an address that can be reached if possible."""
    carrier = "udp" if protocol == "udp" else "tcp"
    fitting = [
        one
        for one in endpoints
        if one.protocol == carrier and one.host and one.port and _fits(one, wish, protocol)
    ]
    return min(fitting, key=_order, default=None)


def _fits(endpoint: Endpoint, wish: Wish, protocol: Protocol) -> bool:
    if wish.port:
        return endpoint.container_port == wish.port
    known = wish.scheme or endpoint.scheme or protocol != "http"
    return bool(known) or endpoint.container_port not in NOT_HTTP_PORTS


def _order(endpoint: Endpoint) -> tuple[bool, int, str, int]:
    is_lost = _url_host(endpoint.host) is None
    return is_lost, endpoint.container_port, endpoint.host, endpoint.port


def _unpublished(
    state: ServiceState,
    wish: Wish,
    protocol: Protocol,
    place: Place,
) -> Reached | Complaint:
    port = wish.port or _exposed_port(state, wish, protocol)
    host = _url_host(state.container_host) if port and state.container_host else None
    if host and place.reaches_containers:
        scheme = (wish.scheme or "http") if protocol == "http" else ""
        return Reached(f"{host}:{port}", scheme, "container")
    if host and place.ingress and protocol == "http":
        return place.hop(wish.scheme)
    noted = _noted(state, wish, port)
    return noted or why_unreached(state, wish, protocol, has_ingress=bool(place.ingress))


def doubt(state: ServiceState, reached: Reached) -> Complaint | None:
    """Return why the container's own address, which is used, may not be reached; None: it is."""
    if reached.how not in {"container", "ingress"}:
        return None
    doubtful = (note for note in state.reach_notes if note.is_doubtful)
    return next((Complaint("", note.why, note.fix, is_sent=True) for note in doubtful), None)


def _noted(state: ServiceState, wish: Wish, port: int) -> Complaint | None:
    """Return what the instance's own node knows about why `port` is not reached; 0: any port."""
    about = [note for note in state.reach_notes if note.container_port in {0, port} or not port]
    note = max(about, key=lambda note: note.container_port == port, default=None)
    if note is None:
        return None
    return Complaint(wish.label if wish.port else "", note.why, note.fix)


def _exposed_port(state: ServiceState, wish: Wish, protocol: Protocol) -> int:
    if protocol == "udp":
        return min(state.exposed_udp_ports, default=0)
    ports = set(state.exposed_ports)
    if protocol == "http" and not wish.scheme:
        ports -= NOT_HTTP_PORTS
    return min(ports, default=0)


@lru_cache(maxsize=4096)
def _url_host(host: str) -> str | None:
    """Return `host` as in a URL; None if it is not an address that can be reached."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        looks_like_ip = re.fullmatch(r"[0-9.]+", host)
        return host if _HOST_NAME.fullmatch(host) and not looks_like_ip else None
    if address.is_unspecified or address.is_multicast or "%" in host:
        return None
    return f"[{address}]" if address.version == 6 else str(address)
