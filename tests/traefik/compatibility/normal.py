"""Normal forms of two Traefiks' routes for the same containers, so that they can be compared.

One reads the containers with its own Docker provider, the other polls an agent.  By design they
only differ in these points:

- Each element has the name of its provider.  A name without one refers to the same provider.
- `usedBy` repeats the routers, and `serverStatus` is the current state of servers.
- Traefik names the default router and service of a container after the container.  In the agent's
  body they have the host name, so that they never collide with a name from labels.  If the labels
  define one service, Traefik uses that one under its own name.
- A sticky cookie without a name gets one that is made of the names of the service and provider.
- An unhealthy container has no server.  If its labels name the port, Traefik keeps a server without
  an address.
- The agent also gives every instance its own host name, `<service>.<node>.<domain>`.
- Traefik reaches a container at its own address, which only works on its own host.  The agent uses
  a published port if there is one.  Both are reduced to a container and one of its ports.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ROUTERS = ("routers", "tcpRouters", "udpRouters")
SERVICES = ("services", "tcpServices", "udpServices")
SERVICES_OF = dict(zip(ROUTERS, SERVICES, strict=True))
MIDDLEWARES = ("middlewares", "tcpMiddlewares")
KINDS = (*ROUTERS, *SERVICES, *MIDDLEWARES)
DERIVED = ("usedBy", "serverStatus")

Routes = dict[str, dict[str, Any]]  # by kind, by name


@dataclass(frozen=True, slots=True)
class Places:
    """Where the containers are: their own addresses, and the ports published for them."""

    own: Mapping[str, str] = field(default_factory=dict)  # address: container
    published: Mapping[tuple[str, str], str] = field(default_factory=dict)  # "a:1", "tcp": "web:80"

    def joined(self, other: Places) -> Places:
        """Return the places of both."""
        return Places({**self.own, **other.own}, {**self.published, **other.published})

    def name(self, address: str, protocol: str) -> str:
        """Return the container and port of `address`, or `address` if no container has it."""
        if found := self.published.get((address, protocol)):
            return found
        host, _, port = address.rpartition(":")
        return f"{self.own[host]}:{port}" if host in self.own else address


@dataclass(frozen=True, slots=True)
class DefaultNames:
    """The names of Traefik's default router and services for each host name.

    `containers` are its containers, and `services` what its HTTP service is called.
    """

    containers: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    node_suffix: str = "\0"  # of the host names of single instances


def normal(raw: Mapping[str, Any], provider: str, places: Places, names: DefaultNames) -> Routes:
    """Return the elements of one provider in `/api/rawdata`, in the normal form."""
    return {kind: _kind(raw, kind, f"@{provider}", places, names) for kind in KINDS}


def differences(theirs: Routes, ours: Routes) -> str:
    """Return the differences of `theirs` and `ours`, line by line; empty: they are equal."""
    lines = difflib.unified_diff(
        _text(theirs), _text(ours), "Traefik's Docker provider", "the agent", lineterm="", n=4
    )
    return "\n".join(lines)


def _text(routes: Routes) -> list[str]:
    return json.dumps(routes, indent=1, sort_keys=True).splitlines()


def _kind(
    raw: Mapping[str, Any], kind: str, suffix: str, places: Places, names: DefaultNames
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for full_name, element in sorted((raw.get(kind) or {}).items()):
        name = full_name.removesuffix(suffix)
        if name == full_name or name.endswith(names.node_suffix):
            continue
        named_by_hand = _without_made_up_cookie(element, full_name)
        made = _element(named_by_hand, kind, suffix, places, names)
        called = _called(name, kind, names)
        # Two elements with the same normal name must be equal.
        key = called if found.get(called, made) == made else f"{called} (as {name})"
        found[key] = made
    return found


def _called(name: str, kind: str, names: DefaultNames) -> str:
    if kind in {"routers", "tcpServices", "udpServices"}:
        return names.containers.get(name, name)
    return names.services.get(name, name) if kind == "services" else name


def _element(
    element: Mapping[str, Any], kind: str, suffix: str, places: Places, names: DefaultNames
) -> dict[str, Any]:
    made = {key: value for key, value in element.items() if key not in DERIVED}
    if kind in ROUTERS:
        made |= _references(made, SERVICES_OF[kind], suffix, names)
    elif kind in SERVICES and "loadBalancer" in made:
        protocol = "udp" if kind == "udpServices" else "tcp"
        made["loadBalancer"] = _balancer(made["loadBalancer"], protocol, places)
    elif kind == "middlewares":
        for part in ("chain", "errors"):
            if part in made:
                made[part] = made[part] | _references(made[part], "services", suffix, names)
    return made


def _references(
    holder: Mapping[str, Any], service_kind: str, suffix: str, names: DefaultNames
) -> dict[str, Any]:
    """Return the names that `holder` uses of its own provider, without the provider."""
    made: dict[str, Any] = {}
    if "service" in holder:
        made["service"] = _called(holder["service"].removesuffix(suffix), service_kind, names)
    if "middlewares" in holder:
        made["middlewares"] = [name.removesuffix(suffix) for name in holder["middlewares"]]
    return made


def _balancer(balancer: Mapping[str, Any], protocol: str, places: Places) -> dict[str, Any]:
    found = [_server(server, protocol, places) for server in balancer.get("servers") or ()]
    # The order depends on the provider; requests go to all servers.
    servers = sorted(filter(None, found), key=lambda server: json.dumps(server, sort_keys=True))
    others = {key: value for key, value in balancer.items() if key != "servers"}
    return {**others, "servers": servers} if servers else others


def _without_made_up_cookie(service: Mapping[str, Any], full_name: str) -> dict[str, Any]:
    """Return `service` without the cookie name that Traefik generates for it."""
    digest = hashlib.sha1(f"_TRAEFIK_BACKEND_{full_name}".encode(), usedforsecurity=False)
    balancer = service.get("loadBalancer", {})
    cookie = balancer.get("sticky", {}).get("cookie", {})
    if cookie.get("name") != f"_{digest.hexdigest()[:5]}":
        return dict(service)
    nameless = {key: value for key, value in cookie.items() if key != "name"}
    return {**service, "loadBalancer": {**balancer, "sticky": {"cookie": nameless}}}


def _server(server: Mapping[str, Any], protocol: str, places: Places) -> dict[str, Any]:
    made = dict(server)
    if "address" in made:
        made["address"] = places.name(made["address"], protocol)
    if "url" in made:
        parts = urlsplit(made["url"])
        place = places.name(parts.netloc, protocol)
        made["url"] = re.sub(r"(?<=//)[^/]*", lambda _: place, made["url"], count=1)
    return made
