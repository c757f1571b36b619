"""The passes for routers: each with its service and middlewares, or the reason to leave it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from constellation.traefik.composition import ComposedService, Composition
from constellation.traefik.elements import (
    AGENT,
    Contribution,
    ElementKey,
    Instance,
    Owner,
    Parts,
    Router,
    Whose,
)
from constellation.traefik.merging import by_owner, conflicts, sites_of, winner_of
from constellation.traefik.references import is_foreign
from constellation.traefik.rejection import Rejection
from constellation.traefik.routers import NOTHING, common_parts, router_parts
from constellation.traefik.work import Work

COMMON = ElementKey("http", "middlewares", "constellation", AGENT)  # all of what `common` makes


def routers(composition: Composition, work: Work) -> None:
    """Contributions, services and middlewares -> routers in the document, and their needs."""
    for key in work.keys("routers"):
        _compose(composition, key)


def common(composition: Composition, work: Work) -> None:
    """Routers -> the middlewares that all HTTP routers share; a placeholder in an empty body."""
    if composition.document.count("http", "routers"):
        parts = common_parts(composition.settings)
    else:
        composition.put(COMMON, {})
        parts = {} if composition.document else NOTHING
    if composition.parts_of(COMMON) != tuple(parts):
        composition.put(COMMON, parts)


def _compose(composition: Composition, key: ElementKey) -> None:
    made: dict[Owner, Parts] = {}
    rejected: list[Rejection] = []
    needs: set[ElementKey] = set()
    for owner, group in _groups(key, composition.contributions.to(key)).items():
        winner = winner_of(key, group)
        assert isinstance(winner.element, Router)
        rejected += conflicts(key, group, winner)
        sites = sites_of(one for one in group if one.author.owner == owner)
        router = _Router(composition, key, winner.element, Whose(owner, sites))
        needs |= router.needs()
        if wrong := router.missing():
            rejected += [one for found in wrong for one in _left_out(key, group, *found)]
        elif (routed := router.routed_instead()) is not None:
            rejected += [_no_default_router(key, one, routed) for one in group]
        else:
            made[owner] = router.parts()
    composition.graph.set_needs(key, needs)
    composition.put(key, _apart(made), tuple(rejected))


def _groups(
    key: ElementKey, contributions: Sequence[Contribution]
) -> Mapping[Owner, Sequence[Contribution]]:
    """Return the contributions to each router: one router for each owner, or entry point."""
    if key.origin.writer == "entry point" and contributions:
        return {winner_of(key, contributions).author.owner: contributions}
    return by_owner(contributions)


class _Router:
    """One router, with its names resolved as the labels of `owner` mean them."""

    def __init__(
        self, composition: Composition, key: ElementKey, router: Router, owner: Whose
    ) -> None:
        self._composition = composition
        self._key = key
        self._router = router
        self._owner = owner
        self._service: ElementKey | None = None  # None: another provider's
        self._to: ComposedService | None = None
        named = [(name, owner) for name in router.middlewares]
        if not is_foreign(router.service):
            self._service = composition.find_service(key.protocol, router.service, owner)
            self._to = composition.services.get(self._service)
        if self._to is not None:
            # The middlewares of a service are resolved for its own owner, not the router's.
            named += [(name, self._to.face.whose) for name in self._to.face.middlewares]
        self._named = named
        self._middlewares = [
            composition.find_middleware(key.protocol, name, of) for name, of in named
        ]

    def needs(self) -> set[ElementKey]:
        """Return everything that the router depends on."""
        protocol = self._key.protocol
        named = [ElementKey(protocol, "services", self._router.service)]
        named += [ElementKey(protocol, "middlewares", name) for name, _ in self._named]
        return self._composition.needs_of(named, self._owner.owner)

    def missing(self) -> list[tuple[str, str]]:
        """Return each option with a missing reference, and the reason."""
        found = []
        if self._service is not None and (
            wrong := self._composition.service_missing(self._service)
        ):
            found.append(("service", wrong))
        for key in dict.fromkeys(self._middlewares):
            if not is_foreign(key.name) and (wrong := self._composition.missing_of(key)):
                found.append(("middlewares", wrong))
        return found

    def routed_instead(self) -> Instance | None:
        """Return an instance that a default router must not lead to; None: there is none."""
        if self._to is None or not self._key.origin.is_default:
            return None
        routed = self._to.face.routed
        return next((one for one in routed if one.service == self._owner.owner.service), None)

    def parts(self) -> Parts:
        """Return the router as it is in the document."""
        return router_parts(
            self._key,
            self._router.config,
            [key.body_name for key in self._middlewares],
            self._service.body_name if self._service is not None else self._router.service,
            self._to.face if self._to is not None else None,
            self._composition.settings,
        )


def _apart(made: Mapping[Owner, Parts]) -> Parts:
    """Return one router for all owners if their routers are equal, else one for each."""
    meanings = list(made.values())
    if all(parts == meanings[0] for parts in meanings):
        return meanings[0] if meanings else {}
    return {
        part.meant_by(owner): config
        for owner, parts in made.items()
        for part, config in parts.items()
    }


def _left_out(
    key: ElementKey, contributions: Iterable[Contribution], option: str, wrong: str
) -> list[Rejection]:
    label = f"traefik.{key.protocol}.routers.{key.name}.{option}"
    if key.origin.is_default:
        if option == "service":
            return []  # the service itself is rejected, with the reason
        label = ""
    remedy = "define what it names, or correct the name"
    return [Rejection(*other.instance.place, label, wrong, remedy) for other in contributions]


def _no_default_router(key: ElementKey, of: Contribution, routed: Instance) -> Rejection:
    protocol = key.protocol.upper()
    reason = (
        f"the labels of {routed.service} on {routed.node} are about {protocol} routing, so the "
        f"service has no default {protocol} router"
    )
    return Rejection(*of.instance.place, "", reason, "give all its instances the same labels")
