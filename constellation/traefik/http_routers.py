"""Routers and services of HTTP for all instances in the cluster.

Names in the body: a default router and its service are called like the host name they serve;
a host name has a dot, a name from labels cannot, so neither ever hides the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from constellation.cluster_view import ClusterView
from constellation.config import TraefikSettings
from constellation.settings_types import NAME_PATTERN
from constellation.traefik.instance_plan import InstancePlan, LabelRouter, Server
from constellation.traefik.rejection import Rejection

RETRY_MIDDLEWARE = "constellation-retry"
HOST_NAME_CHARACTERS_MAX = 253


@dataclass(frozen=True, slots=True)
class _Instance:
    """One instance while it is being added."""

    service: str
    node: str
    plan: InstancePlan
    is_routable: bool

    def rejection(self, label: str, reason: str, remedy: str) -> Rejection:
        return Rejection(self.service, self.node, label, reason, remedy)


@dataclass(slots=True)
class HttpRouters:
    """What is being assembled.  `routed` are the instances that get requests, (service, node)."""

    settings: TraefikSettings
    domain: str
    routers: dict[str, dict[str, Any]] = field(default_factory=dict)
    servers: dict[str, set[str]] = field(default_factory=dict)
    routed: set[tuple[str, str]] = field(default_factory=set)
    rejected: list[Rejection] = field(default_factory=list)

    def services(self) -> dict[str, dict[str, Any]]:
        """Return the Traefik services: exactly those that a router leads to."""
        used = sorted({router["service"] for router in self.routers.values()})
        return {
            name: {
                "loadBalancer": {"servers": [{"url": url} for url in sorted(self.servers[name])]}
            }
            for name in used
        }

    def add(self, view: ClusterView, plans: Mapping[tuple[str, str], InstancePlan]) -> None:
        """Add every instance of `view`, each with its plan."""
        labels = dns_labels(sorted(view.services))
        for service, node, _ in view.instances():
            plan = plans[service, node]
            instance = _Instance(service, node, plan, view.is_routable(service, node))
            self.rejected += [complaint.of(service, node) for complaint in plan.complaints]
            host_label = labels[service]
            if not host_label:
                self._reject_name(instance, labels)
                continue
            self._add_instance(f"{host_label}.{self.domain}", instance)
            if plan.default is not None and plan.is_public:
                self._add_node_router(f"{host_label}.{node}.{self.domain}", instance, plan.default)

    def _add_instance(self, host: str, instance: _Instance) -> None:
        plan = instance.plan
        if plan.default is not None:
            self._add_server(host, plan.default, instance)
            if plan.is_public and len(host) <= HOST_NAME_CHARACTERS_MAX:
                self._add_default_router(host)
        for name, server in plan.servers:
            self._add_server(name, server, instance)
        for router in plan.routers:
            self._add_label_router(router, router.service or host, instance)

    def _add_node_router(self, host: str, instance: _Instance, server: Server) -> None:
        if NAME_PATTERN.fullmatch(instance.node) and len(host) <= HOST_NAME_CHARACTERS_MAX:
            self._add_server(host, server, instance)
            self._add_default_router(host)
            return
        reason = f"{host[:80]!r} cannot be a host name"
        self.rejected.append(instance.rejection("", reason, "give service or node another name"))

    def _add_server(self, key: str, server: Server, instance: _Instance) -> None:
        urls = self.servers.setdefault(key, set())
        if instance.is_routable and server.url:
            urls.add(server.url)
            self.routed.add((instance.service, instance.node))

    def _add_default_router(self, host: str) -> None:
        rule = f"Host(`{host}`)"
        self.routers[host] = self._router(rule, self.settings.http_entry_points, host)

    def _add_label_router(self, router: LabelRouter, key: str, instance: _Instance) -> None:
        entry_points = router.entry_points or self.settings.http_entry_points
        made = self._router(router.rule, entry_points, key)
        if router.priority:
            made["priority"] = router.priority
        # The first in order of service and node wins, whatever their health: a router must not
        # change its meaning because an instance is ill.
        if self.routers.setdefault(router.name, made) != made:
            label = f"traefik.http.routers.{router.name}"
            reason = "another instance defines this router differently, and comes first by name"
            remedy = "make them equal, or rename one"
            self.rejected.append(instance.rejection(label, reason, remedy))

    def _router(self, rule: str, entry_points: Sequence[str], service: str) -> dict[str, Any]:
        router: dict[str, Any] = {
            "rule": rule,
            "entryPoints": list(entry_points),
            "service": service,
        }
        if self.settings.retry_attempts:
            router["middlewares"] = [RETRY_MIDDLEWARE]
        return router

    def _reject_name(self, instance: _Instance, labels: Mapping[str, str]) -> None:
        taken = dns_label(instance.service)
        reason = f"{instance.service[:64]!r} cannot be made a host name"
        if taken:
            owner = next(name for name, label in labels.items() if label == taken)
            reason = f"its host name {taken!r} is that of the service {owner!r}"
        remedy = "rename it, using a-z, 0-9 and '-' only"
        self.rejected.append(instance.rejection("", reason, remedy))


def dns_label(name: str) -> str:
    """Return `name` as one part of a host name, as Traefik does; empty if it cannot be one."""
    label = "-".join(re.findall(r"[a-z0-9]+", name.lower())) if name.isascii() else ""
    return label if NAME_PATTERN.fullmatch(label) else ""


def dns_labels(names: Sequence[str]) -> dict[str, str]:
    """Return the host name part of each service; empty for one whose part is taken.

    A service that is called like its part has it before others.
    """
    owners: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (dns_label(name) != name, name)):
        owners.setdefault(dns_label(name), name)
    return {name: dns_label(name) if owners[dns_label(name)] == name else "" for name in names}
