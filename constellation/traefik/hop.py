"""The hop: a request for an instance that publishes no port goes through the Traefik of its node.

The sender names the service and its owner in a header, because nodes learn at different times that
another stack uses the name, and also the instance if the cookie or the hash of the
client has chosen one.  From Traefik 3.7 on the service itself does that, so that whatever leads to
it can use it: routers, pages for errors, mirrors and weighted services of other providers.  Before
3.7 a middleware of each router does it.

The receiver has a router for the header which leads to its own containers only, so a request is
passed on at most once.  The sender decides whether an instance gets requests; so the router also
exists while the receiver is cordoned or the container drains, until all peers know of that.  A
request for a service without such a router, because the container has just stopped, is answered
502, and the sender tries another instance.  A 404 would look like an answer of the service.

The container sees what it would see without the hop: the receiver deletes the headers.  The
connection between the nodes is HTTP/2 if a container may speak it, because a stream in both
directions needs that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.elements import AGENT, ElementKey, Parts
from constellation.traefik.places import Places
from constellation.traefik.service_servers import Backend

SERVICE_HEADER = "X-Constellation-Service"
INSTANCE_HEADER = "X-Constellation-Instance"

# Names that no label and no host name can have.
TO = "constellation.to."  # + service: the middleware that names it in the header
FROM = "_from."  # + service: router and service for passed-on requests
NOT_HERE = ElementKey("http", "routers", FROM, AGENT)
_UNNAMED = "constellation.from"  # the middleware that deletes the headers

_NOBODY = "http://127.0.0.1:0"  # no process can listen on port 0


def services_name_themselves(settings: TraefikSettings) -> bool:
    """Return whether Traefik has middlewares of services."""
    return settings.version == "3.7"


def naming_parts(service: ElementKey, instance: str = "") -> Parts:
    """Return the middleware that names `service`, and `instance` if it is not empty."""
    whole = service._replace(variant="")
    headers = {SERVICE_HEADER: whole.full_name} | ({INSTANCE_HEADER: instance} if instance else {})
    name = TO + (service.body_name if instance else whole.body_name)
    key = ElementKey("http", "middlewares", name, AGENT)
    return {key: {"headers": {"customRequestHeaders": headers}}}


def balancer_of_hop(
    balancer: Mapping[str, Any], service: str, instance: str = ""
) -> Mapping[str, Any]:
    """Return the options of a load balancer whose servers are other nodes' Traefiks.

    Its transport is for containers, and its health check must be one that can be passed on.
    """
    made = {name: value for name, value in balancer.items() if name != "serversTransport"}
    check = made.pop("healthCheck", None)
    if check is None or not can_pass_on(check):
        return made
    names = {SERVICE_HEADER: service} | ({INSTANCE_HEADER: instance} if instance else {})
    headers = {**check.get("headers", {}), **names}
    return {**made, "healthCheck": {**check, "headers": headers}}


def can_pass_on(check: Mapping[str, Any]) -> bool:
    """Return whether another node's Traefik passes on a health check to the container."""
    return not ("port" in check or check.get("scheme") == "https" or check.get("mode") == "grpc")


def receiving_parts(
    key: ElementKey,
    balancer: Mapping[str, Any],
    inside: Sequence[Backend],
    settings: TraefikSettings,
    places: Places,
    instance: str = "",
) -> Parts:
    """Return the router for requests that other nodes pass on, and its service.

    The sender has applied the middlewares, and has evaluated the sticky cookie: a second cookie
    with the same name would replace it.
    """
    name = FROM + key.full_name
    asked = f"Header(`{SERVICE_HEADER}`, `{key._replace(variant='').full_name}`)"
    if instance:
        asked = f"{asked} && Header(`{INSTANCE_HEADER}`, `{instance}`)"
    servers = {one.address: {"url": one.address, **one.options} for one in inside}
    options = {option: value for option, value in balancer.items() if option != "sticky"}
    return {
        ElementKey("http", "routers", name, AGENT): {
            **_from_peers(asked, name, settings, places),
            "middlewares": [_UNNAMED],
        },
        ElementKey("http", "services", name, AGENT): {
            "loadBalancer": {**options, "servers": [servers[one] for one in sorted(servers)]}
        },
    }


def not_here_parts(settings: TraefikSettings, places: Places) -> Parts:
    """Return what all passed-on requests share, and the router for those that no other takes."""
    if not receives(settings, places):
        return {}
    asked = f"HeaderRegexp(`{SERVICE_HEADER}`, `.`)"
    router = {**_from_peers(asked, FROM, settings, places), "priority": 1}
    deleted = {SERVICE_HEADER: "", INSTANCE_HEADER: ""}
    return {
        NOT_HERE: router,
        ElementKey("http", "services", FROM, AGENT): {
            "loadBalancer": {"servers": [{"url": _NOBODY}]}
        },
        ElementKey("http", "middlewares", _UNNAMED, AGENT): {
            "headers": {"customRequestHeaders": deleted}
        },
    }


def receives(settings: TraefikSettings, places: Places) -> bool:
    """Return whether other nodes may pass requests on to this one."""
    return bool(settings.offered_ingress_port and places.peers)


def _from_peers(
    asked: str, service: str, settings: TraefikSettings, places: Places
) -> dict[str, Any]:
    peers = " || ".join(f"ClientIP(`{peer}`)" for peer in places.peers)
    return {
        "rule": f"{asked} && ({peers})",
        "entryPoints": [settings.ingress_entry_point],
        "service": service,
    }
