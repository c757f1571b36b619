"""The passes for middlewares: what each service means by a name, and what is missing."""

from __future__ import annotations

from constellation.traefik.composition import Composition
from constellation.traefik.elements import Contribution, ElementKey, Middleware, Parts
from constellation.traefik.hop import services_name_themselves
from constellation.traefik.hop_warnings import page_warning
from constellation.traefik.merging import by_service, conflicts, winner_of
from constellation.traefik.references import ResolvedMiddleware, references_of, with_services
from constellation.traefik.rejection import Rejection
from constellation.traefik.work import Work


def meanings(composition: Composition, work: Work) -> None:
    """Contributions -> which middleware each service means by a name, and what it needs.

    Everything that depends on a changed middleware is added to the work, through all chains.
    """
    work.add(composition.graph.affected_by(work.keys("middlewares")))
    for key in work.keys("middlewares"):
        for meant in composition.meanings.pop(key, {}).values():
            composition.middlewares.pop(meant, None)
        definitions = _definitions(composition, key)
        named = [name for one in definitions.values() for name in references_of(key.protocol, one)]
        composition.graph.set_needs(key, composition.needs_of(named))
        if definitions:
            composition.meanings[key] = _meanings(key, definitions)


def definitions(composition: Composition, work: Work) -> None:
    """Meanings -> middlewares whose references are resolved as their own service means them."""
    for key in work.keys("middlewares"):
        for service, definition in _definitions(composition, key).items():
            meant = composition.meanings[key][service]
            composition.middlewares[meant] = _resolved(composition, key, definition, service)


def middlewares(composition: Composition, work: Work) -> None:
    """Resolved middlewares and services -> middlewares in the document, and rejections."""
    for key in work.keys("middlewares"):
        parts: Parts = {}
        rejected: list[Rejection] = []
        for service, group in by_service(composition.contributions_to(key)).items():
            rejected += conflicts(key, group, winner_of(key, group))
            meant = composition.meanings[key][service]
            if wrong := composition.missing_of(meant):
                rejected += _left_out(key, group, wrong)
            else:
                resolved = composition.middlewares[meant]
                parts[meant] = with_services(
                    resolved, lambda name: _service_name(composition, name)
                )
                rejected += _pages_elsewhere(composition, key, resolved, group)
        composition.put(key, parts, tuple(rejected))


def _definitions(composition: Composition, key: ElementKey) -> dict[str, Middleware]:
    """Return the middleware that each service defines under the name of `key`."""
    found: dict[str, Middleware] = {}
    for service, group in by_service(composition.contributions_to(key)).items():
        element = winner_of(key, group).element
        assert isinstance(element, Middleware)
        found[service] = element
    return found


def _meanings(key: ElementKey, definitions: dict[str, Middleware]) -> dict[str, ElementKey]:
    """Return one key for all services if their definitions are equal, else one for each."""
    one, *others = definitions.values()
    # Equal chains are not shared: their services may mean different middlewares by the names.
    is_shared = not others or (
        not references_of(key.protocol, one) and all(one == other for other in others)
    )
    return {service: key if is_shared else key.meant_by(service) for service in definitions}


def _resolved(
    composition: Composition, key: ElementKey, middleware: Middleware, owner: str
) -> ResolvedMiddleware:
    references = references_of(key.protocol, middleware)
    if "chain" not in middleware.config or not references:
        return ResolvedMiddleware(middleware.config, references)
    meant = tuple(composition.find_middleware("http", one.name, owner) for one in references)
    names = [one.body_name for one in meant]
    return ResolvedMiddleware({"chain": {"middlewares": names}}, meant)


def _left_out(key: ElementKey, group: list[Contribution], wrong: str) -> list[Rejection]:
    label = f"traefik.{key.protocol}.middlewares.{key.name}"
    remedy = "define what it names, or correct the name"
    return [Rejection(*other.instance.place, label, wrong, remedy) for other in group]


def _pages_elsewhere(
    composition: Composition,
    key: ElementKey,
    middleware: ResolvedMiddleware,
    group: list[Contribution],
) -> list[Rejection]:
    """Return a warning if the middleware needs pages that its Traefik cannot get."""
    if "errors" not in middleware.config or services_name_themselves(composition.settings):
        return []
    service = composition.find_service("http", middleware.config["errors"]["service"])
    if service is None or not composition.services[service].face.hop:
        return []
    warning = page_warning(key, service.name)
    return [warning.of(one.instance.service, one.instance.node) for one in group]


def _service_name(composition: Composition, name: str) -> str:
    found = composition.find_service("http", name)
    return found.body_name if found is not None else name
