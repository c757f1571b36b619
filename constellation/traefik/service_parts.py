"""One service with its servers, as it is in the body.

HTTP prefers the node's own instances by weight, or by a service that fails over to the others (see
`TraefikSettings.local_preference`).  TCP and UDP, which have no retries, use only the node's own
instances while there are any.

If an instance is reached through another node's Traefik, a header names its service.  That Traefik
has a router for the header which leads to its own containers only, so a request is passed on at
most once.  The sender decides whether an instance gets requests; so the router also exists while
its node is cordoned or the container drains, until all peers know of that.  A request for a
service without such a router, because the container has just stopped, is answered 502, and the
sender tries another instance.  A 404 would look like an answer of the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.elements import AGENT, ElementKey, Instance, Protocol, Whose
from constellation.traefik.places import Places
from constellation.traefik.service_servers import Backend, Backends, by_address

SERVICE_HEADER = "X-Constellation-Service"

# Names that no label and no host name can have.
TO = "constellation.to."  # + service: the middleware that puts its name into the header
FROM = "_from."  # + service: router and service for passed-on requests
NOT_HERE = ElementKey("http", "routers", FROM, AGENT)
FAILOVER = "._failover"  # the end of the name of a service or router
_NEAR, _FAR = "._near", "._far"

_FAILOVER_STATUS = ["502", "503", "504"]
_FAILOVER_BODY_BYTES_MAX = 2 << 20

_NOBODY = "http://127.0.0.1:0"  # no process can listen on port 0

Parts = dict[ElementKey, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """A service with all elements that it needs.

    Attributes:
        parts: these elements.
        passes_on: routers to it need the middleware that names it in the header.
        fails_over: each router to it has a second one, to the service with `FAILOVER`.
    """

    parts: Parts
    passes_on: bool = False
    fails_over: bool = False


@dataclass(frozen=True, slots=True)
class ServiceFace:
    """Everything that routers may see of a service.  If it changes, they are composed again.

    Attributes:
        passes_on: see `ServiceParts`.
        fails_over: see `ServiceParts`.
        whose: whose labels define it.
        middlewares: names in its owner's labels, which are put into every router to it.
        routed: instances whose labels are about routing, so no default router leads to them.
    """

    passes_on: bool
    fails_over: bool
    whose: Whose
    middlewares: tuple[str, ...]
    routed: tuple[Instance, ...]


def stream_parts(
    key: ElementKey, config: Mapping[str, Any], serving: Sequence[Backend]
) -> ServiceParts:
    """Return a TCP or UDP service."""
    preferred = [backend for backend in serving if backend.is_local] or serving
    servers = []
    for backend in preferred:
        servers.append({"address": backend.address, **backend.options})
    return ServiceParts({key: _with_servers(config, servers)})


def http_parts(
    key: ElementKey,
    config: Mapping[str, Any],
    found: Backends,
    settings: TraefikSettings,
    places: Places,
) -> ServiceParts:
    """Return an HTTP service with everything that it needs."""
    serving = found.serving
    near = [backend for backend in serving if backend.is_local]
    far = [backend for backend in serving if not backend.is_local]
    passes_on = any(backend.how == "ingress" for backend in far)
    checked = _for_ingress(config, key.body_name) if passes_on else config
    weight = _local_weight(near, far, settings)
    parts: Parts = {key: _with_servers(checked, _servers(serving, weight))}
    if passes_on:
        header = {"customRequestHeaders": {SERVICE_HEADER: key.body_name}}
        naming = ElementKey("http", "middlewares", TO + key.body_name, AGENT)
        parts[naming] = {"headers": header}
    fails_over = bool(near and far) and settings.local_preference == "failover"
    fails_over = fails_over and "sticky" not in config.get("loadBalancer", {})
    if fails_over:
        parts.update(_failover(key, config, checked, near, far))
    inside = [one for one in found.all if one.is_local and one.how == "container" and one.is_well]
    if inside and settings.ingress_port and places.peers:
        parts.update(_passed_on(key, config, inside, settings, places))
    return ServiceParts(parts, passes_on, fails_over)


def _local_weight(
    near: Sequence[Backend], far: Sequence[Backend], settings: TraefikSettings
) -> int:
    """Return the weight of local instances; 0: servers have no weights."""
    is_set = any("weight" in backend.options for backend in (*near, *far))
    wanted = near and far and settings.local_preference != "none" and not is_set
    return settings.local_weight if wanted and settings.local_weight > 1 else 0


def _servers(serving: Iterable[Backend], local_weight: int) -> list[dict[str, Any]]:
    servers = []
    for backend in serving:
        server = {"url": backend.address, **backend.options}
        if local_weight:
            server["weight"] = local_weight if backend.is_local else 1
        servers.append(server)
    return servers


def _with_servers(config: Mapping[str, Any], servers: Sequence[Any]) -> Mapping[str, Any]:
    return {**config, "loadBalancer": {**config["loadBalancer"], "servers": servers}}


def _for_ingress(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return `config` with a health check that another node's Traefik passes on, or with none."""
    check = config["loadBalancer"].get("healthCheck")
    if check is None:
        return config
    balancer = dict(config["loadBalancer"])
    of_container = "port" in check or check.get("scheme") == "https" or check.get("mode") == "grpc"
    if of_container:
        del balancer["healthCheck"]  # it would not reach the other Traefik
    else:
        headers = {**check.get("headers", {}), SERVICE_HEADER: name}
        balancer["healthCheck"] = {**check, "headers": headers}
    return {**config, "loadBalancer": balancer}


def _failover(
    key: ElementKey,
    config: Mapping[str, Any],
    checked: Mapping[str, Any],
    near: Sequence[Backend],
    far: Sequence[Backend],
) -> Parts:
    nearby, others = key._replace(variant=_NEAR), key._replace(variant=_FAR)
    failover = {
        "service": nearby.body_name,
        "fallback": others.body_name,
        "errors": {
            "status": _FAILOVER_STATUS,
            "maxRequestBodyBytes": _FAILOVER_BODY_BYTES_MAX,
        },
    }
    return {
        nearby: _with_servers(config, _servers(near, 0)),
        others: _with_servers(checked, _servers(far, 0)),
        key._replace(variant=FAILOVER): {"failover": failover},
    }


def _passed_on(
    key: ElementKey,
    config: Mapping[str, Any],
    inside: Sequence[Backend],
    settings: TraefikSettings,
    places: Places,
) -> Parts:
    """Return the router for requests that other nodes pass on, and its service.

    The first node has applied the middlewares already.  It has also evaluated the sticky cookie:
    a second cookie with the same name would replace it.
    """
    name = FROM + key.body_name
    balancer = {k: v for k, v in config["loadBalancer"].items() if k != "sticky"}
    service = _with_servers({"loadBalancer": balancer}, _servers(by_address(inside), 0))
    asked = f"Header(`{SERVICE_HEADER}`, `{key.body_name}`)"
    return {
        ElementKey("http", "routers", name, AGENT): _from_peers(asked, name, settings, places),
        ElementKey("http", "services", name, AGENT): service,
    }


def not_here_parts(settings: TraefikSettings, places: Places) -> Parts:
    """Return the router `NOT_HERE`, for passed-on requests that no other router takes."""
    if not settings.ingress_port or not places.peers:
        return {}
    asked = f"HeaderRegexp(`{SERVICE_HEADER}`, `.`)"
    router = {**_from_peers(asked, FROM, settings, places), "priority": 1}
    service = {"loadBalancer": {"servers": [{"url": _NOBODY}]}}
    return {NOT_HERE: router, ElementKey("http", "services", FROM, AGENT): service}


def _from_peers(
    asked: str, service: str, settings: TraefikSettings, places: Places
) -> dict[str, Any]:
    peers = " || ".join(f"ClientIP(`{peer}`)" for peer in places.peers)
    return {
        "rule": f"{asked} && ({peers})",
        "entryPoints": [settings.ingress_entry_point],
        "service": service,
    }


def service_parts(
    key: ElementKey,
    config: Mapping[str, Any],
    found: Backends,
    settings: TraefikSettings,
    places: Places,
) -> ServiceParts:
    """Return the service `key` of any protocol."""
    protocol: Protocol = key.protocol
    if protocol == "http":
        return http_parts(key, config, found, settings, places)
    return stream_parts(key, config, found.serving)
