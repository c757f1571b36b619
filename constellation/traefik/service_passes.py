"""The passes for services: from the instances of each service to its servers."""

from __future__ import annotations

from constellation.traefik.composition import ComposedService, Composition
from constellation.traefik.elements import ElementKey, Instance, Service
from constellation.traefik.hop import NOT_HERE, not_here_parts
from constellation.traefik.hop_warnings import hop_warnings
from constellation.traefik.merging import conflicts, winner_of
from constellation.traefik.service_parts import ServiceFace, service_parts
from constellation.traefik.service_servers import backends
from constellation.traefik.work import Work


def ingress(composition: Composition, work: Work) -> None:
    """Addresses of the peers -> the router for passed-on requests that no other router takes."""
    composition.put(NOT_HERE, not_here_parts(composition.settings, work.places))


def services(composition: Composition, work: Work) -> None:
    """Contributions, states and places -> services with their servers.

    If a service is added or removed or its face changes, everything that depends on it is added
    to the work.
    """
    changed = []
    for key in work.keys("services"):
        before = composition.services.pop(key, None)
        after = _compose(composition, key, work)
        if after is not None:
            composition.services[key] = after
        if (before and before.face) != (after and after.face):
            changed.append(key)
    work.add(composition.graph.affected_by(changed))


def _compose(composition: Composition, key: ElementKey, work: Work) -> ComposedService | None:
    """Put one service into the document; None if it has no instance that can be reached."""
    contributions = composition.contributions_to(key)
    if not contributions:
        composition.set_routed(key, frozenset())
        composition.put(key, {})
        return None
    winner = winner_of(key, contributions)
    service = winner.element
    assert isinstance(service, Service)
    found = backends(key, contributions, work.states, work.places)
    rejected = (*found.rejected, *conflicts(key, contributions, winner))
    composition.set_routed(key, frozenset(backend.instance for backend in found.serving))
    if not found.exist:
        composition.put(key, {}, rejected)
        return None
    settings = composition.settings
    made = service_parts(key, service.config, found, settings, work.places)
    balancer = service.config["loadBalancer"]
    warned = hop_warnings(key, balancer, found, settings, work.places)
    composition.put(key, made.parts, (*rejected, *warned))
    routed: list[Instance] = [
        one.instance
        for one in contributions
        if isinstance(one.element, Service) and one.element.is_routed
    ]
    face = ServiceFace(
        hop=made.hop,
        fails_over=made.fails_over,
        owner=winner.instance.service,
        middlewares=service.middlewares,
        routed=tuple(sorted(routed)),
    )
    return ComposedService(found, face)
