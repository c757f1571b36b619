"""All elements of the configuration, composed of what instances bring; made anew where it changed.

An element is composed again when an instance that brings it changes, and a router or middleware
also when one that it names comes, goes or changes its kind.  What comes out depends on what is
there alone, not on the way there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.document import Document
from constellation.traefik.elements import (
    Contribution,
    ElementKey,
    Instance,
    Middleware,
    Protocol,
    Router,
    Service,
)
from constellation.traefik.host_names import dns_label
from constellation.traefik.merging import DEFAULT_TCP, conflicts, winner_of
from constellation.traefik.places import Places
from constellation.traefik.references import (
    is_foreign,
    missing_of,
    references_of,
    with_services,
)
from constellation.traefik.rejection import Rejection
from constellation.traefik.routers import missing_from, router_parts
from constellation.traefik.scopes import by_service, scoped
from constellation.traefik.service_parts import (
    NOT_HERE,
    Parts,
    ServiceParts,
    not_here_parts,
    service_parts,
)
from constellation.traefik.service_servers import Backends, States, backends


@dataclass(frozen=True, slots=True)
class ComposedService:
    """A service: what it became, and all instances behind it."""

    made: ServiceParts
    backends: Backends
    owner: str  # the service whose labels count
    middlewares: tuple[str, ...]  # of its own, which routers to it cannot do without
    routed: tuple[Instance, ...]  # whose labels are about routing: no default router leads here

    @property
    def kind(self) -> tuple[object, ...]:
        """What routers to it depend on."""
        made = self.made
        return made.passes_on, made.fails_over, self.owner, self.middlewares, self.routed


class Composition:
    """What is composed now.  `states` and `places` are those of the last `compose`."""

    def __init__(self, settings: TraefikSettings, domain: str) -> None:
        self.document = Document()
        self.contributions: dict[ElementKey, dict[Instance, Contribution]] = {}
        self.services: dict[ElementKey, ComposedService] = {}
        self.rejections: dict[ElementKey, tuple[Rejection, ...]] = {}
        self._routed: dict[ElementKey, frozenset[tuple[str, str]]] = {}
        self._routed_counts: dict[tuple[str, str], int] = {}  # by how many services
        self._settings = settings
        self._domain = domain
        self._middlewares: dict[ElementKey, Middleware] = {}
        self._meanings: dict[ElementKey, dict[str, ElementKey]] = {}  # by service
        self._parts: dict[ElementKey, tuple[ElementKey, ...]] = {}  # what each key put there
        self._referrers: dict[ElementKey, set[ElementKey]] = {}
        self._references: dict[ElementKey, frozenset[ElementKey]] = {}

    def contribute(
        self,
        instance: Instance,
        before: Mapping[ElementKey, Contribution],
        after: Mapping[ElementKey, Contribution],
    ) -> set[ElementKey]:
        """Take up what `instance` brings now; return the keys to compose again."""
        for key in before.keys() - after.keys():
            del self.contributions[key][instance]
        for key, contribution in after.items():
            self.contributions.setdefault(key, {})[instance] = contribution
        return {
            key
            for key in before.keys() | after.keys()
            if key.section == "services" or before.get(key) != after.get(key)
        }

    def compose(self, dirty: Iterable[ElementKey], states: States, places: Places) -> None:
        """Compose the elements `dirty`, and all that depends on them."""
        self._put(NOT_HERE, not_here_parts(self._settings, places), ())
        by_section: dict[str, set[ElementKey]] = {"services": set(), "middlewares": set()}
        for key in dirty:
            by_section.setdefault(key.section, set()).add(key)
        for key in by_section["services"]:
            if self._compose_service(key, states, places):
                self._add_referrers(key, by_section)
        self._compose_middlewares(by_section)
        for key in by_section.get("routers", ()):
            self._compose_router(key)

    def _compose_middlewares(self, by_section: dict[str, set[ElementKey]]) -> None:
        """Compose those in `by_section`, and all that name them, to which routers are added."""
        waiting = list(by_section["middlewares"])
        seen: set[ElementKey] = set()
        while waiting:
            key = waiting.pop()
            if key in seen:
                continue
            seen.add(key)
            self._take_middleware(key)
            for referrer in self._referrers.get(key, ()):
                by_section.setdefault(referrer.section, set()).add(referrer)
                if referrer.section == "middlewares":
                    waiting.append(referrer)
        for key in seen:
            self._settle_middleware(key)
        for key in seen:
            self._compose_middleware(key)

    @property
    def routed(self) -> frozenset[tuple[str, str]]:
        """Every instance that gets requests: its service, and its node."""
        return frozenset(self._routed_counts)

    def services_at(self, nodes: frozenset[str] | None) -> set[ElementKey]:
        """Return the services with an instance on one of `nodes`; None: all services."""
        return {
            key
            for key, found in self.contributions.items()
            if key.section == "services"
            and (nodes is None or any(instance.node in nodes for instance in found))
        }

    def resolve_service(self, protocol: str, name: str) -> ElementKey | None:
        """Return the service that `name` stands for: of labels, or the implied one of a host."""
        for known in (name, f"{dns_label(name)}.{self._domain}"):
            key = ElementKey(protocol, "services", known)  # type: ignore[arg-type]
            if key in self.services:
                return key
        return None

    # Services.

    def _compose_service(self, key: ElementKey, states: States, places: Places) -> bool:
        """Compose one service; True if what refers to it has to be composed again."""
        before = self.services.pop(key, None)
        contributions = self._of(key)
        if not contributions:
            self._route(key, frozenset())
            self._put(key, {}, ())
            return before is not None
        winner = winner_of(key, contributions)
        assert isinstance(winner.element, Service)
        found = backends(key, contributions, states, places)
        rejected = [*found.rejected, *conflicts(key, contributions, winner)]
        if not found.exist:
            self._route(key, frozenset())
            self._put(key, {}, rejected)
            return before is not None
        made = service_parts(key, winner.element.config, found, self._settings, places)
        self._put(key, made.parts, rejected)
        routed = tuple(
            sorted(
                one.instance
                for one in contributions
                if isinstance(one.element, Service) and one.element.is_routed
            )
        )
        own = winner.element.middlewares
        self.services[key] = ComposedService(made, found, winner.instance.service, own, routed)
        self._route(key, frozenset((*backend.instance,) for backend in found.serving))
        return before is None or before.kind != self.services[key].kind

    def _route(self, key: ElementKey, routed: frozenset[tuple[str, str]]) -> None:
        """Make `routed` the instances that get the requests of the service `key`."""
        before = self._routed.pop(key, frozenset())
        if routed:
            self._routed[key] = routed
        for instance in routed - before:
            self._routed_counts[instance] = self._routed_counts.get(instance, 0) + 1
        for instance in before - routed:
            self._routed_counts[instance] -= 1
            if not self._routed_counts[instance]:
                del self._routed_counts[instance]

    # Middlewares.

    def _take_middleware(self, key: ElementKey) -> None:
        for before in self._meanings.pop(key, {}).values():
            self._middlewares.pop(before, None)
        groups = by_service(self._of(key))
        found = {service: winner_of(key, group).element for service, group in groups.items()}
        references: set[ElementKey] = set()
        for service, element in found.items():
            assert isinstance(element, Middleware)
            named = references_of(key.protocol, element)
            references |= self._candidates(named)
            # What is equal but names others may come to mean different things.
            is_shared = not named and all(element == other for other in found.values())
            meant = key if is_shared or len(found) == 1 else scoped(key, service)
            self._meanings.setdefault(key, {})[service] = meant
        self._refer(key, frozenset(references))

    def _settle_middleware(self, key: ElementKey) -> None:
        """Take up what is meant by `key`, now that it is known what is meant by all others."""
        for service, meant in self._meanings.get(key, {}).items():
            group = by_service(self._of(key))[service]
            element = winner_of(key, group).element
            assert isinstance(element, Middleware)
            self._middlewares[meant] = self._with_meanings(element, key.protocol, service)

    def _with_meanings(self, middleware: Middleware, protocol: Protocol, owner: str) -> Middleware:
        """Return a middleware that names others by what its service means by them."""
        chain = middleware.config.get("chain")
        if protocol != "http" or chain is None:
            return middleware
        names = [self._meant(protocol, name, owner).name for name in chain["middlewares"]]
        return Middleware({"chain": {"middlewares": names}})

    def _meant(self, protocol: Protocol, name: str, owner: str) -> ElementKey:
        """Return the middleware that labels of the service `owner` mean by `name`."""
        key = ElementKey(protocol, "middlewares", name)
        meanings = self._meanings.get(key, {})
        if owner in meanings:
            return meanings[owner]
        return next(iter(meanings.values())) if len(set(meanings.values())) == 1 else key

    def _compose_middleware(self, key: ElementKey) -> None:
        parts: Parts = {}
        rejected: list[Rejection] = []
        for service, group in by_service(self._of(key)).items():
            rejected += conflicts(key, group, winner_of(key, group))
            meant = self._meanings[key][service]
            if wrong := self._missing_of(meant):
                label = f"traefik.{key.protocol}.middlewares.{key.name}"
                remedy = "define what it names, or correct the name"
                rejected += [Rejection(*other.instance, label, wrong, remedy) for other in group]
            else:
                middleware = self._middlewares[meant]
                parts[meant] = with_services(
                    middleware, lambda name: self._service_name("http", name)
                )
        self._put(key, parts, rejected)

    def _missing_of(self, key: ElementKey) -> str:
        def has_service(name: str) -> bool:
            return self.resolve_service("http", name) is not None

        if len(set(self._meanings.get(key, {}).values())) > 1:
            return f"several services define the middleware {key.name[:64]!r}, each in its own way"
        return missing_of(key, self._middlewares, has_service)

    # Routers.

    def _compose_router(self, key: ElementKey) -> None:
        contributions = self._of(key)
        references: set[ElementKey] = set()
        made: dict[str, Parts] = {}
        rejected: list[Rejection] = []
        groups = by_service(contributions)
        if key.name.startswith(DEFAULT_TCP) and contributions:
            winner = winner_of(key, contributions)
            groups = {winner.instance.service: list(contributions)}
        for service, group in groups.items():
            winner = winner_of(key, group)
            rejected += conflicts(key, group, winner)
            references |= self._references_of_router(key, winner)
            parts, wrong = self._router(key, winner, group)
            rejected += wrong
            if parts:
                made[service] = parts
        self._refer(key, frozenset(references))
        self._put(key, self._apart(key, made), rejected)

    def _references_of_router(self, key: ElementKey, winner: Contribution) -> frozenset[ElementKey]:
        router = winner.element
        assert isinstance(router, Router)
        named = [ElementKey(key.protocol, "services", router.service)]
        named += [ElementKey(key.protocol, "middlewares", name) for name in router.middlewares]
        service = self.resolve_service(key.protocol, router.service)
        if service is not None:
            also = self.services[service].middlewares
            named += [ElementKey(key.protocol, "middlewares", name) for name in also]
        return self._candidates(named)

    def _router(
        self, key: ElementKey, winner: Contribution, group: list[Contribution]
    ) -> tuple[Parts, list[Rejection]]:
        """Return the router `key` as the service of `winner` means it, and what is wrong."""
        router = winner.element
        assert isinstance(router, Router)
        owner = winner.instance.service
        service = self.resolve_service(key.protocol, router.service)
        meant = [self._meant(key.protocol, name, owner).name for name in router.middlewares]
        if service is not None:
            to = self.services[service]
            meant += [self._meant(key.protocol, name, to.owner).name for name in to.middlewares]
        router = replace(router, middlewares=tuple(meant))
        if wrong := missing_from(key, router, self._missing_of, has_service=service is not None):
            return {}, self._router_left_out(key, group, *wrong)
        if service is not None and "." in key.name:
            for instance in self.services[service].routed:
                if instance.service == owner:
                    return {}, [_no_default_router(key, one, instance) for one in group]
        composed = self.services[service].made if service is not None else None
        name = service.name if service is not None else router.service
        return router_parts(key, router, name, composed, self._settings), []

    def _apart(self, key: ElementKey, made: Mapping[str, Parts]) -> Parts:
        """Return one router for all services if they mean the same by it, else one for each."""
        meanings = list(made.values())
        if all(parts == meanings[0] for parts in meanings):
            return meanings[0] if meanings else {}
        apart: Parts = {}
        for service, parts in made.items():
            for part, config in parts.items():
                suffix = part.name.removeprefix(key.name)
                own = scoped(key, service)
                apart[own._replace(name=own.name + suffix)] = config
        return apart

    def _router_left_out(
        self, key: ElementKey, contributions: Iterable[Contribution], option: str, wrong: str
    ) -> list[Rejection]:
        label = f"traefik.{key.protocol}.routers.{key.name}.{option}"
        if "." in key.name:  # nobody wrote it
            if option == "service":
                return []  # what it lacks is said of that
            label = ""
        remedy = "define what it names, or correct the name"
        return [Rejection(*other.instance, label, wrong, remedy) for other in contributions]

    # What belongs to what.

    def _of(self, key: ElementKey) -> tuple[Contribution, ...]:
        found = self.contributions.get(key)
        if found is not None and not found:
            del self.contributions[key]
        return tuple(found.values()) if found else ()

    def _put(self, key: ElementKey, parts: Parts, rejected: Iterable[Rejection]) -> None:
        """Make `parts` all that `key` has in the document."""
        for part in self._parts.pop(key, ()):
            if part not in parts:
                self.document.discard(part)
        for part, config in parts.items():
            self.document.set(part, config)
        if parts:
            self._parts[key] = tuple(parts)
        self.rejections.pop(key, None)
        if rejections := tuple(rejected):
            self.rejections[key] = rejections

    def _candidates(self, named: Iterable[ElementKey]) -> frozenset[ElementKey]:
        """Return all that `named` may stand for here."""
        found = set()
        for key in named:
            if is_foreign(key.name):
                continue
            found.add(key)
            if key.section == "services":
                found.add(key._replace(name=f"{dns_label(key.name)}.{self._domain}"))
        return frozenset(found)

    def _refer(self, key: ElementKey, references: frozenset[ElementKey]) -> None:
        before = self._references.pop(key, frozenset())
        for reference in before - references:
            self._referrers[reference].discard(key)
            if not self._referrers[reference]:
                del self._referrers[reference]
        for reference in references - before:
            self._referrers.setdefault(reference, set()).add(key)
        if references:
            self._references[key] = references

    def _add_referrers(self, key: ElementKey, by_section: dict[str, set[ElementKey]]) -> None:
        for referrer in self._referrers.get(key, ()):
            by_section.setdefault(referrer.section, set()).add(referrer)

    def _service_name(self, protocol: str, name: str) -> str:
        found = self.resolve_service(protocol, name)
        return found.name if found is not None else name


def _no_default_router(key: ElementKey, of: Contribution, routed: Instance) -> Rejection:
    protocol = key.protocol.upper()
    reason = (
        f"the labels of {routed.service} on {routed.node} are about {protocol} routing, so the "
        f"service has no default {protocol} router"
    )
    return Rejection(*of.instance, "", reason, "give all its instances the same labels")
