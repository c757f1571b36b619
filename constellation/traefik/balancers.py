"""The servers of one HTTP service: together, or as services that another one chooses from.

Instances that are reached through another node's Traefik form a service of their own, because only
it names itself to that Traefik (see `hop`).  A service whose cookie, or hash of the client, chooses
the instance has one service for each instance: Traefik makes both from the names of those, which
are the same on all nodes, while the URL of a server depends on the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.elements import ElementKey, Parts, as_name
from constellation.traefik.hop import (
    balancer_of_hop,
    can_pass_on,
    naming_parts,
    services_name_themselves,
)
from constellation.traefik.places import Places
from constellation.traefik.service_servers import Backend

# Ends of names of services; no name from labels and no host name has one.
AT = "._at."  # + instance
_DIRECT, _HOP = "._direct", "._hop"


def is_choosing(balancer: Mapping[str, Any]) -> bool:
    """Return whether a cookie, or the hash of the client, chooses the instance."""
    return "sticky" in balancer or balancer.get("strategy") == "hrw"


def chooses_by_name(balancer: Mapping[str, Any], places: Places) -> bool:
    """Return whether the name of an instance is chosen, so that all nodes choose the same one.

    Traefik reports what a passive health check finds to no other service, so such a service keeps
    its servers together.  A node that is alone has no need of it.
    """
    is_alone = len(places.nodes) <= 1
    return is_choosing(balancer) and not is_alone and "passiveHealthCheck" not in balancer


class Balancers:
    """Makes the parts of one HTTP service.

    Attributes:
        parts: what was made.
    """

    def __init__(
        self, balancer: Mapping[str, Any], settings: TraefikSettings, local_weight: int
    ) -> None:
        self.parts: Parts = {}
        self._balancer = balancer
        self._settings = settings
        self._local_weight = local_weight

    def add(self, key: ElementKey, backends: Sequence[Backend]) -> None:
        """Add the service `key` whose servers are `backends`."""
        direct = [backend for backend in backends if backend.how != "ingress"]
        hops = [backend for backend in backends if backend.how == "ingress"]
        if not hops:
            self._add_balancer(key, self._balancer, direct)
        elif not direct or _stays_together(self._balancer):
            self._add_hop(key, self._balancer, backends)
        else:
            self._add_apart(key, direct, hops)

    def add_named(self, key: ElementKey, backends: Sequence[Backend]) -> None:
        """Add the service `key` with one service for each instance, which is chosen by name."""
        chosen_here = {"sticky", "strategy"}
        others = {name: self._balancer[name] for name in self._balancer.keys() - chosen_here}
        balancer = _checked(others, backends)
        services = []
        for backend in sorted(backends, key=lambda one: one.instance):
            name = instance_name(backend)
            child = key._replace(variant=key.variant + AT + name)
            services.append({"name": child.body_name, "weight": self._weight(backend)})
            if backend.how == "ingress":
                # Before 3.7 a middleware of the router names the service, whichever is chosen.
                named = name if services_name_themselves(self._settings) else ""
                self._add_hop(child, balancer, [backend], named)
            else:
                self._add_balancer(child, balancer, [backend])
        made = {"services": services} | _propagated(balancer)
        if "sticky" in self._balancer:
            self.parts[key] = {"weighted": {**made, "sticky": self._balancer["sticky"]}}
        else:
            self.parts[key] = {"highestRandomWeight": made}

    def _add_apart(
        self, key: ElementKey, direct: Sequence[Backend], hops: Sequence[Backend]
    ) -> None:
        balancer = _checked(self._balancer, hops)
        services = []
        for variant, some in ((_DIRECT, direct), (_HOP, hops)):
            child = key._replace(variant=key.variant + variant)
            weight = sum(map(self._weight, some))
            services.append({"name": child.body_name, "weight": weight})
            if some is hops:
                self._add_hop(child, balancer, some)
            else:
                self._add_balancer(child, balancer, some)
        self.parts[key] = {"weighted": {"services": services} | _propagated(balancer)}

    def _add_hop(
        self,
        key: ElementKey,
        balancer: Mapping[str, Any],
        backends: Sequence[Backend],
        instance: str = "",
    ) -> None:
        names_itself = services_name_themselves(self._settings)
        naming = naming_parts(key, instance if names_itself else "")
        self.parts.update(naming)
        service = key._replace(variant="").full_name
        self._add_balancer(key, balancer_of_hop(balancer, service, instance), backends)
        if names_itself:
            names = [one.body_name for one in naming]
            self.parts[key] = {**self.parts[key], "middlewares": names}

    def _add_balancer(
        self, key: ElementKey, balancer: Mapping[str, Any], backends: Sequence[Backend]
    ) -> None:
        self.parts[key] = {"loadBalancer": {**balancer, "servers": self._servers(backends)}}

    def _servers(self, backends: Iterable[Backend]) -> list[dict[str, Any]]:
        """Return the servers by address.  One ingress stands for all instances behind it."""
        found: dict[str, dict[str, Any]] = {}
        for backend in backends:
            server = {"url": backend.address, **backend.options}
            if self._local_weight:
                server["weight"] = self._weight(backend)
            before = found.setdefault(backend.address, server)
            if before is not server and backend.how == "ingress":
                before["weight"] = before.get("weight", 1) + self._weight(backend)
        return list(found.values())

    def _weight(self, backend: Backend) -> int:
        default = self._local_weight if self._local_weight and backend.is_local else 1
        weight = backend.options.get("weight", default)
        assert isinstance(weight, int)
        return weight


def _stays_together(balancer: Mapping[str, Any]) -> bool:
    """Return whether Traefik must see all servers at once to choose one as the labels ask."""
    return "passiveHealthCheck" in balancer or balancer.get("strategy") in {"p2c", "leasttime"}


def _checked(balancer: Mapping[str, Any], backends: Iterable[Backend]) -> Mapping[str, Any]:
    """Return `balancer` without a health check that one of `backends` cannot have.

    A service that chooses between others knows their health only if all of them are checked.
    """
    check = balancer.get("healthCheck")
    is_passed_on = any(backend.how == "ingress" for backend in backends)
    if check is None or not is_passed_on or can_pass_on(check):
        return balancer
    return {name: value for name, value in balancer.items() if name != "healthCheck"}


def _propagated(balancer: Mapping[str, Any]) -> dict[str, Any]:
    return {"healthCheck": {}} if "healthCheck" in balancer else {}


def instance_name(backend: Backend) -> str:
    """Return the name of an instance within its service; it is the same on all nodes."""
    return f"{as_name(backend.instance.node)}.{as_name(backend.instance.name)}"


def local_weight_of(
    near: Sequence[Backend],
    far: Sequence[Backend],
    settings: TraefikSettings,
    balancer: Mapping[str, Any],
) -> int:
    """Return the weight of local instances; 0: servers have no weights.

    A hash of the client must choose the same instance on all nodes, so it knows no local ones.
    """
    is_set = any("weight" in backend.options for backend in (*near, *far))
    wanted = near and far and settings.local_preference != "none" and not is_set
    wanted = wanted and balancer.get("strategy") != "hrw"
    return settings.local_weight if wanted and settings.local_weight > 1 else 0
