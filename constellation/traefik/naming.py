"""From the plan of one instance to named elements.

An element that labels do not name has the host name that it serves as its name.  A host name has
a dot and a name from labels cannot have one, so the two never collide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from constellation.settings.types import NAME_PATTERN
from constellation.traefik.elements import (
    ENTRY_POINT,
    HOST,
    Author,
    Contribution,
    Element,
    ElementKey,
    Instance,
    Protocol,
    Router,
    Service,
)
from constellation.traefik.host_names import HOST_NAME_CHARACTERS_MAX, dns_label
from constellation.traefik.instance_plan import IMPLIED, InstancePlan
from constellation.traefik.owners import Programs
from constellation.traefik.rejection import Complaint, Rejection


class Named(NamedTuple):
    """What an instance contributes, and what was rejected."""

    contributions: dict[ElementKey, Contribution]
    rejected: tuple[Rejection, ...]


def name_elements(
    instance: Instance,
    author: Author,
    plan: InstancePlan,
    created_at_utc_s: float,
    label: str,
    domain: str,
) -> Named:
    """Return the contributions of `instance`, with the labels of `author`.

    `label` is the service's part of a host name.  If it is empty, the instance contributes only
    the elements that its labels name.
    """
    host = f"{label}.{domain}" if label else ""
    made = dict(_elements(plan, host))
    rejected = [complaint.of(*instance.place) for complaint in plan.complaints]
    if host and plan.default_service is not None:
        service = made.get(_service_key("http", plan.default_service, host))
        if isinstance(service, Service) and len(host) <= HOST_NAME_CHARACTERS_MAX:
            router = _host_router(host, plan.default_service or host)
            made[ElementKey("http", "routers", host, HOST)] = router
            rejected += _name_on_node(instance, made, f"{label}.{instance.node}.{domain}", service)
    if host and plan.known_protocol is not None:
        entry_point = plan.known_protocol.name
        config = {"rule": "HostSNI(`*`)", "entryPoints": [entry_point]}
        made[ElementKey("tcp", "routers", entry_point, ENTRY_POINT)] = Router(config, host)
    contributions = {
        key: Contribution(instance, created_at_utc_s, element, author)
        for key, element in made.items()
    }
    return Named(contributions, tuple(rejected))


def name_complaints(
    author: Author, label: str, several: Programs, domain: str
) -> Iterator[Complaint]:
    """Yield what is unusual about the host name of an instance; `label` is its first part."""
    service, program, _ = author.owner
    if label == service and not program:
        return
    host, shown = f"{label}.{domain}", repr(service[:64])
    remedy = "set the label constellation.service to a name of a-z, 0-9 and '-', at most 63"
    if not label:
        yield Complaint("", f"the service name {shown} cannot be part of a host name", remedy)
    elif program and not several.is_told:
        return  # each serves its own hosts, as its labels ask
    elif program:
        others = ", ".join(
            repr(one) if one else "one without an image" for one in sorted(several.kept)
        )
        yield Complaint(
            "",
            f"the service name {shown} means another program elsewhere, {others}; this one, "
            f"{program[:64]!r}, is a service of its own, at {host}",
            "set the label constellation.service: to the same name if they are one service, else "
            "to different names",
            is_sent=True,
        )
    elif label != (taken := dns_label(service)):
        reason = f"another service has the host name {taken}.{domain}"
        if not taken:
            reason = f"the service name {shown} does not fit into a host name"
        yield Complaint("", f"{reason}; this one is at {host}", remedy, is_sent=True)


def _elements(plan: InstancePlan, host: str) -> Iterator[tuple[ElementKey, Element]]:
    """Yield the elements of the plan; the implied service and rule get the name `host`."""
    for key, element in plan.elements:
        if key.section == "services" and key.name == IMPLIED:
            if host:
                yield _service_key(key.protocol, IMPLIED, host), element
        elif isinstance(element, Router):
            router = element
            if router.service == IMPLIED:
                router = Router(router.config, host, router.middlewares)
            if key.protocol == "http" and "rule" not in router.config:
                rule = {**router.config, "rule": f"Host(`{host}`)"}
                router = Router(rule, router.service, router.middlewares)
            if router.service and (host or element.config.get("rule")):
                yield key, router
        else:
            yield key, element


def _name_on_node(
    instance: Instance, made: dict[ElementKey, Element], host: str, service: Service
) -> list[Rejection]:
    if NAME_PATTERN.fullmatch(instance.node) and len(host) <= HOST_NAME_CHARACTERS_MAX:
        made[ElementKey("http", "services", host, HOST)] = service
        made[ElementKey("http", "routers", host, HOST)] = _host_router(host, host)
        return []
    reason = f"{host[:80]!r} is not a valid host name"
    return [Rejection(*instance.place, "", reason, "rename the service or the node")]


def _service_key(protocol: Protocol, name: str, host: str) -> ElementKey:
    """Return the key of the service `name` of labels, or of the implied one."""
    if name == IMPLIED:
        return ElementKey(protocol, "services", host, HOST)
    return ElementKey(protocol, "services", name)


def _host_router(host: str, service: str) -> Router:
    return Router({"rule": f"Host(`{host}`)"}, service)
