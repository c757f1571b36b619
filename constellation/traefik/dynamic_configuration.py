"""The body that Traefik polls: canonical, byte-stable, and never one that Traefik refuses.

Traefik hashes the body and ignores an equal one, so equal states must give equal bytes: keys
are sorted, and so is every list that has no order of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from constellation.cluster_view import ClusterView
from constellation.config import TraefikSettings
from constellation.traefik.http_routers import RETRY_MIDDLEWARE, HttpRouters
from constellation.traefik.instance_plan import InstancePlan, plan_instance
from constellation.traefik.rejection import Rejection
from messages.monitor import ServiceState

REJECTED_MAX = 1000  # listed; the count is of all

# An empty object would be refused, `{}` be taken as an order, and "no routers" has no other
# form: one middleware that nothing uses.
_NOTHING = {"constellation-none": {"retry": {"attempts": 1}}}


@dataclass(frozen=True, slots=True)
class DynamicConfiguration:
    """One body, and what stands behind it."""

    body: bytes
    router_count: int
    service_count: int
    routed: frozenset[tuple[str, str]]  # (service, node) of every instance that gets requests
    rejected: tuple[Rejection, ...]
    rejected_count: int


class ConfigurationBuilder:
    """Makes configurations one after the other, and plans again only instances that changed.

    The result depends on the arguments of `build` alone.  Plans of vanished instances are
    forgotten with each build.
    """

    def __init__(self, *, settings: TraefikSettings, domain: str) -> None:
        self._settings = settings
        self._domain = domain
        self._entry_points = {*settings.http_entry_points, *settings.entry_points}
        self._plans: dict[tuple[str, str], tuple[ServiceState, InstancePlan]] = {}

    def build(self, view: ClusterView) -> DynamicConfiguration:
        """Return the configuration for the cluster as `view` has it."""
        routers = HttpRouters(self._settings, self._domain)
        routers.add(view, self._plan(view))
        rejected = tuple(sorted(set(routers.rejected)))
        services = routers.services()
        return DynamicConfiguration(
            body=canonical(self._document(routers.routers, services)),
            router_count=len(routers.routers),
            service_count=len(services),
            routed=frozenset(routers.routed),
            rejected=rejected[:REJECTED_MAX],
            rejected_count=len(rejected),
        )

    def _plan(self, view: ClusterView) -> dict[tuple[str, str], InstancePlan]:
        before, self._plans = self._plans, {}
        for service, node, state in view.instances():
            known = before.get((service, node))
            if known is None or known[0] is not state:
                known = (state, plan_instance(state, self._entry_points))
            self._plans[service, node] = known
        return {instance: plan for instance, (_, plan) in self._plans.items()}

    def _document(
        self, routers: Mapping[str, Any], services: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        if not routers:
            return {"http": {"middlewares": _NOTHING}}
        http: dict[str, Any] = {"routers": routers, "services": services}
        if self._settings.retry_attempts:
            http["middlewares"] = {RETRY_MIDDLEWARE: {"retry": self._retry()}}
        return {"http": http}

    def _retry(self) -> dict[str, Any]:
        wait_ms = max(1, round(self._settings.retry_initial_interval_s * 1000))
        retry: dict[str, Any] = {
            "attempts": self._settings.retry_attempts,
            "initialInterval": f"{wait_ms}ms",
        }
        if self._settings.version == "3.7":
            # 502 is also what Traefik itself says of a server that hung up before it answered.
            retry["status"] = ["502"]
        return retry


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one way to write `document` as JSON in UTF-8."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
