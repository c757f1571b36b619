"""One instance of a service: its servers, its own routers, and what is wrong with it.

Depends on the instance's state alone, not on where it may be routed: the whole cluster's
configuration is assembled from these plans, and a plan is made anew only when its state is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from constellation.traefik.endpoints import server_url, serves_no_http
from constellation.traefik.labels import RouterLabels, ServiceLabels, TraefikLabels, read_labels
from constellation.traefik.rejection import Complaint
from messages.monitor import ServiceState

OPTIONS_PREFIX = "traefik.http"


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests for one Traefik service of the instance go.

    An empty `url` is an instance that has no address now because it is stopped.
    """

    url: str


@dataclass(frozen=True, slots=True)
class LabelRouter:
    """A router that the labels define, checked.  An empty `service` is the default service."""

    name: str
    rule: str
    entry_points: tuple[str, ...]
    priority: int | None
    service: str


@dataclass(frozen=True, slots=True)
class InstancePlan:
    """What one instance brings into the configuration.

    `default` serves the default routers and label routers that name no service; None: nothing.
    """

    default: Server | None = None
    is_public: bool = False  # the default routers may be made
    servers: tuple[tuple[str, Server], ...] = ()  # by the names that labels give
    routers: tuple[LabelRouter, ...] = ()
    complaints: tuple[Complaint, ...] = ()


def plan_instance(state: ServiceState, entry_points: Collection[str]) -> InstancePlan:
    """Return the plan of one instance.  `entry_points` are those that Traefik has."""
    labels = read_labels(state.labels)
    stream_only = labels.has_stream and not labels.has_http
    if not labels.enabled or stream_only or (not labels.has_http and serves_no_http(state)):
        return InstancePlan(complaints=labels.complaints)
    complaints = list(labels.complaints)
    servers = _named_servers(state, labels, complaints)
    default = _default_server(state, labels, servers, complaints)
    routers = []
    for name, router in labels.routers.items():
        made = _label_router(name, router, labels.services, entry_points)
        if isinstance(made, Complaint):
            complaints.append(made)
        elif made is not None and (not made.service or made.service in servers):
            routers.append(made)
    guarded = sorted(name for name, router in labels.routers.items() if router.middlewares)
    return InstancePlan(
        default=default,
        is_public=not guarded,
        servers=tuple(sorted(servers.items())),
        routers=tuple(router for router in routers if router.service or default is not None),
        complaints=tuple(complaints),
    )


def _server(state: ServiceState, wanted: ServiceLabels, label: str) -> Server | Complaint:
    found = server_url(state, wanted, label)
    if isinstance(found, str):
        return Server(found)
    # A stopped container has no published ports; its route stays, and answers 503.
    return Server("") if state.health == "stopped" else found


def _named_servers(
    state: ServiceState, labels: TraefikLabels, complaints: list[Complaint]
) -> dict[str, Server]:
    servers: dict[str, Server] = {}
    for name, wanted in labels.services.items():
        if wanted.broken:
            continue
        label = f"{OPTIONS_PREFIX}.services.{name}.loadbalancer.server.port"
        found = _server(state, wanted, label)
        if isinstance(found, Complaint):
            complaints.append(found)
        else:
            servers[name] = found
    return servers


def _default_server(
    state: ServiceState,
    labels: TraefikLabels,
    servers: Mapping[str, Server],
    complaints: list[Complaint],
) -> Server | None:
    """Return the server of the default service: the one that the labels define, if they do."""
    if not labels.services:
        found = _server(state, ServiceLabels(), "")
        if isinstance(found, Server):
            return found
        complaints.append(found)
        return None
    if len(labels.services) == 1:
        return next(iter(servers.values()), None)
    name = state.service.lower()
    if name not in labels.services:
        reason = f"its labels define {len(labels.services)} services, none named {name[:64]!r}"
        remedy = f"name one of them {name[:64]!r}, or give each a router"
        if not labels.routers:
            complaints.append(Complaint(f"{OPTIONS_PREFIX}.services", reason, remedy))
        return None
    return servers.get(name)


def _label_router(
    name: str,
    router: RouterLabels,
    services: Mapping[str, ServiceLabels],
    entry_points: Collection[str],
) -> LabelRouter | Complaint | None:
    """Return the router, why it cannot be, or None if that has been said already."""
    label = f"{OPTIONS_PREFIX}.routers.{name}"
    if router.broken:
        return None
    if router.middlewares:
        reason = "middlewares are not honoured yet, and without them it would be unguarded"
        remedy = "remove them to publish the router and the default routes"
        return Complaint(f"{label}.middlewares", reason, remedy)
    if not router.rule:
        return Complaint(label, "it has no rule", f"add the label {label}.rule")
    unknown = sorted(set(router.entry_points) - set(entry_points))
    if unknown:
        reason = f"Traefik is not known to have the entry point {unknown[0]!r}"
        remedy = "add it to the setting traefik.entry_points, or correct the label"
        return Complaint(f"{label}.entrypoints", reason, remedy)
    if router.service and router.service not in services:
        reason = f"its labels define no service {router.service!r}"
        return Complaint(f"{label}.service", reason, "define it, or leave the label out")
    if not router.service and len(services) > 1:
        reason = "several services are defined, and it does not say which it is for"
        return Complaint(label, reason, f"add the label {label}.service")
    service = router.service or next(iter(services), "")
    return LabelRouter(name, router.rule, router.entry_points, router.priority, service)
