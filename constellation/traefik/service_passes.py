"""The passes for services: from the instances of each service to its servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from constellation.traefik.composition import ComposedService, Composition
from constellation.traefik.elements import ElementKey, Instance, Owner, Parts, Service
from constellation.traefik.hop import NOT_HERE, not_here_parts
from constellation.traefik.hop_warnings import hop_warnings
from constellation.traefik.rejection import Rejection
from constellation.traefik.service_parts import ServiceFace, service_parts
from constellation.traefik.service_servers import backends
from constellation.traefik.sharing import Group, Meaning
from constellation.traefik.work import Work


def ingress(composition: Composition, work: Work) -> None:
    """Addresses of the peers -> the router for passed-on requests that no other router takes."""
    if work.places_changed:
        composition.put(NOT_HERE, not_here_parts(composition.settings, work.places))


def services(composition: Composition, work: Work) -> None:
    """Contributions, states and places -> what each owner means by a name, with its servers.

    If a service is added or removed, or its meaning or face changes, everything that depends on it
    is added to the work.
    """
    changed = []
    for key in work.keys("services"):
        before = composition.meanings.get(key, _NOTHING)
        faces = {
            meant: made.face
            for meant in {meaning.key for meaning in before.values()}
            if (made := composition.services.pop(meant, None))
        }
        groups = composition.groups(key, work.states)
        meanings = _meanings(groups)
        if _compose(composition, key, groups, work) != faces or meanings != before:
            changed.append(key)
        composition.meanings[key] = meanings
        if not meanings:
            del composition.meanings[key]
    work.add(composition.graph.affected_by(changed))


_NOTHING: Mapping[Owner, Meaning] = {}


def _meanings(groups: Sequence[Group]) -> Mapping[Owner, Meaning]:
    if len(groups) == 1:
        return groups[0].meanings
    return {owner: meaning for group in groups for owner, meaning in group.meanings.items()}


def _compose(
    composition: Composition, key: ElementKey, groups: Sequence[Group], work: Work
) -> dict[ElementKey, ServiceFace]:
    """Put the services of one name into the document; return what routers see of them."""
    parts: Parts = {}
    rejected: list[Rejection] = []
    routed: list[Instance] = []
    faces: dict[ElementKey, ServiceFace] = {}
    settings = composition.settings
    for group in groups:
        service = group.winner.element
        assert isinstance(service, Service)
        found = backends(group.key, group.members, work.states, work.places)
        rejected += (*found.rejected, *group.rejected)
        routed += [backend.instance for backend in found.all if not backend.left_out]
        if not found.exist:
            continue  # none of them can be reached
        made = service_parts(group.key, service.config, found, settings, work.places)
        balancer = service.config["loadBalancer"]
        rejected += hop_warnings(group.key, balancer, found, settings, work.places)
        parts.update(made.parts)
        face = ServiceFace(
            hop=made.hop,
            fails_over=made.fails_over,
            whose=group.whose,
            middlewares=service.middlewares,
            routed=group.routed,
        )
        faces[group.key] = face
        composition.services[group.key] = ComposedService(found, face)
    composition.routed.replace(key, tuple(dict.fromkeys(routed)))
    composition.put(key, parts, tuple(rejected))
    return faces
