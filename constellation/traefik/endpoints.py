"""Which published endpoint of an instance serves HTTP, and its URL."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from constellation.traefik.labels import ServiceLabels
from constellation.traefik.rejection import Complaint
from messages.monitor import Endpoint, ServiceState

# Ports that speak something else than HTTP by their registration or by long habit.
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


def serves_no_http(state: ServiceState) -> bool:
    """All that is known of the ports of `state` says that none of them speaks HTTP."""
    if any(endpoint.scheme for endpoint in state.endpoints):
        return False
    tcp = {item.container_port for item in state.endpoints if item.protocol == "tcp"}
    tcp |= set(state.exposed_ports)
    return tcp <= NOT_HTTP_PORTS if tcp else bool(state.endpoints)


def server_url(state: ServiceState, wanted: ServiceLabels, label: str) -> str | Complaint:
    """Return the URL of the server that `wanted` describes, or why there is none.

    Without a wanted port it is the lowest published port of the container that may speak HTTP.
    `label` is the name of the label to blame.
    """
    tcp = [endpoint for endpoint in state.endpoints if endpoint.protocol == "tcp"]
    published = sorted(
        (endpoint for endpoint in tcp if endpoint.host and endpoint.port),
        key=lambda endpoint: (endpoint.container_port, endpoint.host, endpoint.port),
    )
    endpoint = _chosen(published, wanted)
    if endpoint is None:
        return _nothing_published(published, wanted, label)
    host = _url_host(endpoint.host)
    if host is None:
        reason = f"{endpoint.host[:64]!r} cannot be reached from other nodes"
        return Complaint("", reason, "publish the port on an address that other nodes reach")
    return f"{wanted.scheme or endpoint.scheme or 'http'}://{host}:{endpoint.port}"


def _chosen(published: Sequence[Endpoint], wanted: ServiceLabels) -> Endpoint | None:
    def fits(endpoint: Endpoint) -> bool:
        if wanted.port:
            return endpoint.container_port == wanted.port
        known = wanted.scheme or endpoint.scheme
        return bool(known) or endpoint.container_port not in NOT_HTTP_PORTS

    fitting = [endpoint for endpoint in published if fits(endpoint)]
    usable = [endpoint for endpoint in fitting if _url_host(endpoint.host) is not None]
    return next(iter(usable or fitting), None)


def _nothing_published(
    published: Iterable[Endpoint], wanted: ServiceLabels, label: str
) -> Complaint:
    ports = sorted({endpoint.container_port for endpoint in published})
    if wanted.port:
        others = f"; published are {', '.join(map(str, ports[:8]))}" if ports else ""
        reason = f"port {wanted.port} of the container is not published{others}"
        return Complaint(label, reason, f"publish port {wanted.port} on the host")
    if ports:
        remedy = "name the port in the label loadbalancer.server.port, if one speaks HTTP"
        return Complaint("", "none of its published ports is one of HTTP", remedy)
    return Complaint("", "no TCP port is published", "publish the port that speaks HTTP")


def _url_host(host: str) -> str | None:
    """Return `host` as a URL writes it; None if it is no address that can be reached."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        looks_like_ip = re.fullmatch(r"[0-9.]+", host)
        return host if _HOST_NAME.fullmatch(host) and not looks_like_ip else None
    if address.is_unspecified or address.is_multicast or "%" in host:
        return None
    return f"[{address}]" if address.version == 6 else str(address)
