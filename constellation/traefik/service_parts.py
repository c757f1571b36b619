"""One service with its servers, as it is in the body.

HTTP prefers the node's own instances by weight, or by a service that fails over to the others (see
`TraefikSettings.local_preference`).  TCP and UDP, which have no retries, use only the node's own
instances while there are any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.balancers import (
    AT,
    Balancers,
    chooses_by_name,
    instance_name,
    is_choosing,
    local_weight_of,
)
from constellation.traefik.elements import ElementKey, Instance, Parts, Protocol, Whose
from constellation.traefik.hop import receives, receiving_parts
from constellation.traefik.places import Places
from constellation.traefik.service_servers import Backend, Backends

# Ends of names of services and routers; no name from labels and no host name has one.
FAILOVER = "._failover"
_NEAR, _FAR = "._near", "._far"

_FAILOVER_STATUS = ["502", "503", "504"]
_FAILOVER_BODY_BYTES_MAX = 2 << 20


Hop = Literal["", "http", "h2c"]


class ServiceParts(NamedTuple):
    """A service with all elements that it needs.

    Attributes:
        parts: these elements.
        hop: the scheme of the hop to instances that need it; empty: there are none.
        fails_over: each router to it has a second one, to the service with `FAILOVER`.
    """

    parts: Parts
    hop: Hop = ""
    fails_over: bool = False


class ServiceFace(NamedTuple):
    """Everything that routers may see of a service.  If it changes, they are composed again.

    Attributes:
        hop: see `ServiceParts`.
        fails_over: see `ServiceParts`.
        whose: whose labels define it.
        middlewares: names in its owner's labels, which are put into every router to it.
        routed: instances whose labels are about routing, so no default router leads to them.
    """

    hop: Hop
    fails_over: bool
    whose: Whose
    middlewares: tuple[str, ...]
    routed: tuple[Instance, ...]


def stream_parts(
    key: ElementKey, config: Mapping[str, Any], serving: Sequence[Backend]
) -> ServiceParts:
    """Return a TCP or UDP service."""
    preferred = [backend for backend in serving if backend.is_local] or serving
    servers = {
        backend.address: {"address": backend.address, **backend.options}
        for backend in reversed(preferred)
    }
    return ServiceParts({key: _with_servers(config, [servers[one] for one in sorted(servers)])})


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
    balancer = config["loadBalancer"]
    made = Balancers(balancer, settings, local_weight_of(near, far, settings, balancer))
    by_name = chooses_by_name(balancer, places)
    fails_over = bool(near and far) and settings.local_preference == "failover"
    fails_over = fails_over and not is_choosing(balancer)
    if by_name and serving:
        made.add_named(key, serving)
    else:
        made.add(key, serving)
    if fails_over:
        made.parts.update(_failover(key, Balancers(balancer, settings, 0), near, far))
    inside = [one for one in found.all if one.is_behind and one.is_well]
    if inside and receives(settings, places):
        made.parts.update(receiving_parts(key, balancer, inside, settings, places))
        for one in inside if by_name and len(inside) > 1 else ():
            name = instance_name(one)
            child = key._replace(variant=AT + name)
            made.parts.update(receiving_parts(child, balancer, [one], settings, places, name))
    return ServiceParts(made.parts, _hop(far), fails_over)


def _hop(far: Iterable[Backend]) -> Hop:
    schemes = {one.reached.scheme for one in far if one.reached and one.how == "ingress"}
    if not schemes:
        return ""
    return "h2c" if "h2c" in schemes else "http"


def _failover(
    key: ElementKey, made: Balancers, near: Sequence[Backend], far: Sequence[Backend]
) -> Parts:
    """Return the service that uses `far` if `near` fails."""
    nearby, others = key._replace(variant=_NEAR), key._replace(variant=_FAR)
    made.add(nearby, near)
    made.add(others, far)
    errors = {"status": _FAILOVER_STATUS, "maxRequestBodyBytes": _FAILOVER_BODY_BYTES_MAX}
    failover = {"service": nearby.body_name, "fallback": others.body_name, "errors": errors}
    return {**made.parts, key._replace(variant=FAILOVER): {"failover": failover}}


def _with_servers(config: Mapping[str, Any], servers: Sequence[Any]) -> Mapping[str, Any]:
    return {**config, "loadBalancer": {**config["loadBalancer"], "servers": servers}}


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
