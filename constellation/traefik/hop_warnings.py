"""What labels ask for and the hop to another node cannot carry: it is sent, and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.balancers import chooses_by_name, is_choosing
from constellation.traefik.elements import ElementKey
from constellation.traefik.hop import can_pass_on, services_name_themselves
from constellation.traefik.places import Places
from constellation.traefik.rejection import Complaint, Rejection
from constellation.traefik.service_servers import Backend, Backends

NEWER = "publish its port, or set traefik.version to 3.7 if every Traefik has it"


def hop_warnings(
    key: ElementKey,
    balancer: Mapping[str, Any],
    found: Backends,
    settings: TraefikSettings,
    places: Places,
) -> list[Rejection]:
    """Return the warnings about one HTTP service, for each instance that publishes no port."""
    unpublished = [one for one in found.all if one.how in {"container", "ingress"}]
    is_of_labels = key.protocol == "http" and not key.origin.is_default
    if not is_of_labels or not unpublished or len(places.nodes) <= 1:
        return []
    complaints = list(_complaints(key, balancer, unpublished, settings, places))
    return [
        complaint.of(one.instance.service, one.instance.node)
        for complaint in complaints
        for one in unpublished
    ]


def _complaints(
    key: ElementKey,
    balancer: Mapping[str, Any],
    unpublished: list[Backend],
    settings: TraefikSettings,
    places: Places,
) -> Iterator[Complaint]:
    label = f"traefik.http.services.{key.name}.loadbalancer"
    hops = Counter(one.instance.node for one in unpublished if one.how == "ingress")
    check = balancer.get("healthCheck")
    if check is not None and hops and not can_pass_on(check):
        reason = (
            "other nodes do not make this health check: its port is not published, and a check of "
            "another port, by https or by gRPC is not passed on"
        )
        remedy = "publish the port, or check a path of the service itself"
        yield Complaint(f"{label}.healthcheck", reason, remedy, is_sent=True)
    if is_choosing(balancer) and not chooses_by_name(balancer, places):
        reason = (
            "a client that comes through another node gets another instance: the port is not "
            "published, and Traefik looks for failures at the address, which depends on the node"
        )
        remedy = "publish the port, or remove passivehealthcheck"
        yield Complaint(f"{label}.passivehealthcheck", reason, remedy, is_sent=True)
    several = max(hops.values(), default=0) > 1
    if is_choosing(balancer) and several and not services_name_themselves(settings):
        reason = (
            "a client may get another instance of the same node: before 3.7, Traefik cannot name "
            "one of several that publish no port"
        )
        yield Complaint(label, reason, NEWER, is_sent=True)


def page_warning(key: ElementKey, service: str) -> Complaint:
    """Return the warning about a page for errors that Traefik before 3.7 does not get."""
    reason = (
        f"the pages of {service[:64]} are on another node, which publishes no port for them; "
        "before 3.7, Traefik gets 404 for them"
    )
    label = f"traefik.http.middlewares.{key.name}.errors.service"
    return Complaint(label, reason, NEWER, is_sent=True)
