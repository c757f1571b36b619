"""All elements of the configuration, composed of what instances bring; made anew where it changed.

An element is composed again when an instance that brings it changes, and a router or middleware
also when one that it names comes, goes or changes its kind.  What comes out depends on what is
there alone, not on the way there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from constellation.settings_traefik import TraefikSettings
from constellation.traefik.document import Document
from constellation.traefik.elements import (
    Contribution,
    ElementKey,
    Instance,
    Middleware,
    Router,
    Service,
)
from constellation.traefik.host_names import dns_label
from constellation.traefik.merging import conflicts, winner_of
from constellation.traefik.places import Places
from constellation.traefik.references import (
    is_foreign,
    missing_of,
    references_of,
    with_services,
)
from constellation.traefik.rejection import Rejection
from constellation.traefik.routers import missing_from, router_parts
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
    middlewares: tuple[str, ...]  # of its own, which routers to it cannot do without
    routed: frozenset[str]  # the services that have an instance here with a router of its own

    @property
    def kind(self) -> tuple[object, ...]:
        """What routers to it depend on."""
        return self.made.passes_on, self.made.fails_over, self.middlewares, self.routed


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
            self._compose_middleware(key)
        for key in by_section.get("routers", ()):
            self._compose_router(key)

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
        routed = frozenset(
            one.instance.service
            for one in contributions
            if isinstance(one.element, Service) and one.element.is_routed
        )
        self.services[key] = ComposedService(made, found, winner.element.middlewares, routed)
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
        contributions = self._of(key)
        if contributions:
            element = winner_of(key, contributions).element
            assert isinstance(element, Middleware)
            self._middlewares[key] = element
            self._refer(key, self._candidates(references_of(key.protocol, element)))
        else:
            self._middlewares.pop(key, None)
            self._refer(key, frozenset())

    def _compose_middleware(self, key: ElementKey) -> None:
        contributions = self._of(key)
        middleware = self._middlewares.get(key)
        if middleware is None:
            self._put(key, {}, ())
            return
        winner = winner_of(key, contributions)
        rejected = conflicts(key, contributions, winner)
        if wrong := self._missing_of(key):
            label = f"traefik.{key.protocol}.middlewares.{key.name}"
            remedy = "define what it names, or correct the name"
            rejected += [
                Rejection(*other.instance, label, wrong, remedy) for other in contributions
            ]
            self._put(key, {}, rejected)
            return
        made = with_services(middleware, lambda name: self._service_name("http", name))
        self._put(key, {key: made}, rejected)

    def _missing_of(self, key: ElementKey) -> str:
        def has_service(name: str) -> bool:
            return self.resolve_service("http", name) is not None

        return missing_of(key, self._middlewares, has_service)

    # Routers.

    def _compose_router(self, key: ElementKey) -> None:
        contributions = self._of(key)
        if not contributions:
            self._refer(key, frozenset())
            self._put(key, {}, ())
            return
        winner = winner_of(key, contributions)
        router = winner.element
        assert isinstance(router, Router)
        service = self.resolve_service(key.protocol, router.service)
        if service is not None and (also := self.services[service].middlewares):
            router = replace(router, middlewares=(*router.middlewares, *also))
        named = [ElementKey(key.protocol, "services", router.service)]
        named += [ElementKey(key.protocol, "middlewares", name) for name in router.middlewares]
        self._refer(key, self._candidates(named))
        rejected = conflicts(key, contributions, winner)
        if wrong := missing_from(key, router, self._missing_of, has_service=service is not None):
            rejected += self._router_left_out(key, contributions, *wrong)
            self._put(key, {}, rejected)
            return
        if service is not None and "." in key.name:
            routed = self.services[service].routed
            if winner.instance.service in routed:
                self._put(key, {}, [*rejected, *map(_has_a_router, contributions)])
                return
        composed = self.services[service].made if service is not None else None
        name = service.name if service is not None else router.service
        self._put(key, router_parts(key, router, name, composed, self._settings), rejected)

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


def _has_a_router(contribution: Contribution) -> Rejection:
    reason = "another instance of it has a router of its own, so there is no default one"
    return Rejection(*contribution.instance, "", reason, "give both the same labels")
