"""The passes for middlewares: what each owner means by a name, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from constellation.traefik.composition import Composition
from constellation.traefik.elements import Contribution, ElementKey, Middleware, Owner, Parts, Whose
from constellation.traefik.hop import services_name_themselves
from constellation.traefik.hop_warnings import page_warning
from constellation.traefik.merging import by_owner, conflicts, sites_of, winner_of
from constellation.traefik.references import ResolvedMiddleware, is_foreign, references_of
from constellation.traefik.rejection import Rejection
from constellation.traefik.sharing import Meaning
from constellation.traefik.small import compact
from constellation.traefik.work import Work


def meanings(composition: Composition, work: Work) -> None:
    """Contributions -> which middleware each owner means by a name, and what it needs.

    Everything that depends on a changed middleware is added to the work, through all chains.
    """
    work.add(composition.graph.affected_by(work.keys("middlewares")))
    for key in work.keys("middlewares"):
        for meaning in composition.meanings.pop(key, {}).values():
            composition.middlewares.pop(meaning.key, None)
        groups = by_owner(composition.contributions.to(key))
        definitions = _definitions(key, groups)
        needs: set[ElementKey] = set()
        for owner, one in definitions.items():
            needs |= composition.needs_of(references_of(key.protocol, one), owner)
        composition.graph.set_needs(key, needs)
        if definitions:
            composition.meanings[key] = _meanings(key, definitions, groups)


def definitions(composition: Composition, work: Work) -> None:
    """Meanings -> middlewares whose references are resolved as their own owner means them."""
    for key in work.keys("middlewares"):
        groups = by_owner(composition.contributions.to(key))
        for owner, definition in _definitions(key, groups).items():
            meaning = composition.meanings[key][owner]
            resolved = _resolved(composition, key, definition, Whose(owner, meaning.sites))
            composition.middlewares[meaning.key] = resolved


def middlewares(composition: Composition, work: Work) -> None:
    """Resolved middlewares -> middlewares in the document, and rejections."""
    for key in work.keys("middlewares"):
        parts: Parts = {}
        rejected: list[Rejection] = []
        for owner, group in by_owner(composition.contributions.to(key)).items():
            rejected += conflicts(key, group, winner_of(key, group))
            meant = composition.meanings[key][owner].key
            if wrong := composition.missing_of(meant):
                rejected += _left_out(key, group, wrong)
            else:
                resolved = composition.middlewares[meant]
                parts[meant] = resolved.config
                rejected += _pages_elsewhere(composition, key, resolved, group)
        composition.put(key, parts, tuple(rejected))


Groups = Mapping[Owner, Sequence[Contribution]]


def _definitions(key: ElementKey, groups: Groups) -> dict[Owner, Middleware]:
    """Return the middleware that each owner defines under the name of `key`."""
    found: dict[Owner, Middleware] = {}
    for owner, group in groups.items():
        element = winner_of(key, group).element
        assert isinstance(element, Middleware)
        found[owner] = element
    return found


def _meanings(
    key: ElementKey, definitions: Mapping[Owner, Middleware], groups: Groups
) -> Mapping[Owner, Meaning]:
    """Return one key for all owners if their definitions are equal, else one for each."""
    one, *others = definitions.values()
    # Equal chains are not shared: their owners may mean different middlewares by the names.
    is_shared = not others or (
        not references_of(key.protocol, one) and all(one == other for other in others)
    )
    return compact(
        {
            owner: Meaning(
                key if is_shared else key.meant_by(owner),
                sites_of(groups[owner]),
                groups[owner][0].author.dispute,
            )
            for owner in definitions
        }
    )


def _resolved(
    composition: Composition, key: ElementKey, middleware: Middleware, owner: Whose
) -> ResolvedMiddleware:
    references = references_of(key.protocol, middleware)
    config = middleware.config
    if not references:
        return ResolvedMiddleware(config)
    if "chain" in config:
        meant = tuple(composition.find_middleware("http", one.name, owner) for one in references)
        names = [one.body_name for one in meant]
        return ResolvedMiddleware({"chain": {"middlewares": names}}, meant)
    if is_foreign(references[0].name):
        return ResolvedMiddleware(config, references)
    service = composition.find_service("http", references[0].name, owner)
    errors = {**config["errors"], "service": service.body_name}
    return ResolvedMiddleware({"errors": errors}, (service,))


def _left_out(key: ElementKey, group: Sequence[Contribution], wrong: str) -> list[Rejection]:
    label = f"traefik.{key.protocol}.middlewares.{key.name}"
    remedy = "define what it names, or correct the name"
    return [Rejection(*other.instance.place, label, wrong, remedy) for other in group]


def _pages_elsewhere(
    composition: Composition,
    key: ElementKey,
    middleware: ResolvedMiddleware,
    group: Sequence[Contribution],
) -> list[Rejection]:
    """Return a warning if the middleware needs pages that its Traefik cannot get."""
    if "errors" not in middleware.config or services_name_themselves(composition.settings):
        return []
    service = composition.services.get(middleware.references[0])
    if service is None or not service.face.hop:
        return []
    warning = page_warning(key, middleware.references[0].name)
    return [warning.of(*one.instance.place) for one in group]
