"""The tables of everything that is composed.

Each pass (see `compose`) reads the tables of earlier passes and writes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.claims import Claims
from constellation.traefik.dependencies import DependencyGraph
from constellation.traefik.document import Document
from constellation.traefik.elements import (
    HOST,
    LABELS,
    Contribution,
    ElementKey,
    Instance,
    Parts,
    Protocol,
)
from constellation.traefik.host_names import dns_label
from constellation.traefik.references import ResolvedMiddleware, is_foreign, missing_of
from constellation.traefik.rejection import Rejection
from constellation.traefik.service_parts import ServiceFace
from constellation.traefik.service_servers import Backends


@dataclass(frozen=True, slots=True)
class ComposedService:
    """A service: all its instances, and what routers see of it."""

    backends: Backends
    face: ServiceFace


class Composition:
    """Everything that is composed.

    Attributes:
        document: all elements of the body.
        contributions: the elements that instances contribute, by key.
        services: every service that has a reachable instance.
        meanings: for each name of a middleware, the key that each service means by it.
        middlewares: every middleware by the key that a service means.
        rejections: what was left out, by the key that it belongs to.
        domain: of the default host names.
        claims: which routers name which hosts.
        graph: which elements must be composed again when another one changes.
    """

    def __init__(self, settings: TraefikSettings, domain: str) -> None:
        self.settings = settings
        self.document = Document()
        self.contributions: dict[ElementKey, dict[Instance, Contribution]] = {}
        self.services: dict[ElementKey, ComposedService] = {}
        self.meanings: dict[ElementKey, dict[str, ElementKey]] = {}
        self.middlewares: dict[ElementKey, ResolvedMiddleware] = {}
        self.rejections: dict[ElementKey, tuple[Rejection, ...]] = {}
        self.graph = DependencyGraph()
        self.domain = domain
        self.claims = Claims()
        self._parts: dict[
            ElementKey, tuple[ElementKey, ...]
        ] = {}  # of the document, by the key that put them there
        self._routed: dict[ElementKey, frozenset[Instance]] = {}
        self._routed_counts: dict[Instance, int] = {}  # how many services route to it
        self._all_routed: frozenset[Instance] | None = frozenset()  # None: it changed

    # Contributions.

    def contribute(
        self,
        instance: Instance,
        before: Mapping[ElementKey, Contribution],
        after: Mapping[ElementKey, Contribution],
    ) -> set[ElementKey]:
        """Replace what `instance` contributes; return the keys to compose again."""
        for key in before.keys() - after.keys():
            del self.contributions[key][instance]
            if not self.contributions[key]:
                del self.contributions[key]
        for key, contribution in after.items():
            self.contributions.setdefault(key, {})[instance] = contribution
        return {
            key
            for key in before.keys() | after.keys()
            if key.section == "services" or before.get(key) != after.get(key)
        }

    def contributions_to(self, key: ElementKey) -> tuple[Contribution, ...]:
        """Return the contributions of all instances under `key`."""
        return tuple(self.contributions.get(key, {}).values())

    def services_at(self, nodes: frozenset[str] | None) -> set[ElementKey]:
        """Return the services with an instance on one of `nodes`; None: all services."""
        return {
            key
            for key, found in self.contributions.items()
            if key.section == "services"
            and (nodes is None or any(instance.node in nodes for instance in found))
        }

    # Names.

    def find_service(self, protocol: Protocol, name: str) -> ElementKey | None:
        """Return the service called `name` in labels, or else the one with that host name.

        A name of another provider is none of ours, even if a host name is spelled like it.
        """
        if is_foreign(name):
            return None
        for key in self._service_keys(protocol, name):
            if key in self.services:
                return key
        return None

    def _service_keys(self, protocol: Protocol, name: str) -> tuple[ElementKey, ElementKey]:
        """Return the keys that `name` may stand for, in order.  A name from labels has no dot."""
        host = f"{dns_label(name)}.{self.domain}"
        return (
            ElementKey(protocol, "services", name, HOST if "." in name else LABELS),
            ElementKey(protocol, "services", host, HOST),
        )

    def find_middleware(self, protocol: Protocol, name: str, owner: str) -> ElementKey:
        """Return the middleware that the labels of the service `owner` mean by `name`."""
        key = ElementKey(protocol, "middlewares", name)
        meanings = self.meanings.get(key, {})
        if owner in meanings:
            return meanings[owner]
        return next(iter(meanings.values())) if len(set(meanings.values())) == 1 else key

    def missing_of(self, key: ElementKey) -> str:
        """Return why the middleware `key` cannot be used; empty: it can."""
        if len(set(self.meanings.get(key, {}).values())) > 1:
            return f"several services define the middleware {key.name[:64]!r}, differently"
        return missing_of(
            key, self.middlewares, lambda name: self.find_service("http", name) is not None
        )

    def needs_of(self, named: Iterable[ElementKey]) -> frozenset[ElementKey]:
        """Return every key that `named` may stand for, without those of other providers."""
        needs: set[ElementKey] = set()
        for key in named:
            if is_foreign(key.name):
                continue
            if key.section == "services":
                needs.update(self._service_keys(key.protocol, key.name))
            else:
                needs.add(key)
        return frozenset(needs)

    # Results.

    def put(self, key: ElementKey, parts: Parts, rejected: tuple[Rejection, ...] = ()) -> None:
        """Replace what `key` has in the document by `parts`, and its rejections by `rejected`."""
        for part in self._parts.pop(key, ()):
            if part not in parts:
                self.document.discard(part)
        for part, config in parts.items():
            self.document.set(part, config)
        if parts:
            self._parts[key] = tuple(parts)
        self.rejections.pop(key, None)
        if rejected:
            self.rejections[key] = rejected

    def parts_of(self, key: ElementKey) -> Parts:
        """Return what `key` has in the document."""
        found = self.document.section(key.protocol, key.section)
        return {part: found[part.body_name] for part in self._parts.get(key, ())}

    def set_routed(self, key: ElementKey, routed: frozenset[Instance]) -> None:
        """Replace the instances that get the requests of the service `key`."""
        before = self._routed.pop(key, frozenset())
        if routed:
            self._routed[key] = routed
        if routed != before:
            self._all_routed = None
        for instance in routed - before:
            self._routed_counts[instance] = self._routed_counts.get(instance, 0) + 1
        for instance in before - routed:
            self._routed_counts[instance] -= 1
            if not self._routed_counts[instance]:
                del self._routed_counts[instance]

    @property
    def routed(self) -> frozenset[Instance]:
        """Every instance that gets requests."""
        if self._all_routed is None:
            self._all_routed = frozenset(self._routed_counts)
        return self._all_routed
