"""The tables of everything that is composed.

Each pass (see `compose`) reads the tables of earlier passes and writes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    Owner,
    Parts,
    Protocol,
    Whose,
)
from constellation.traefik.host_names import distinct_label, dns_label
from constellation.traefik.references import ResolvedMiddleware, is_foreign, missing_of
from constellation.traefik.rejection import Rejection
from constellation.traefik.service_parts import ServiceFace
from constellation.traefik.service_servers import Backends, States
from constellation.traefik.sharing import Group, Meaning, sharing

NAMES_SHOWN_MAX = 4


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
        services: every service that has a reachable instance, by the key that its owner means.
        meanings: for each name of a middleware or service, what each owner that defines it means.
        middlewares: every middleware by the key that its owner means.
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
        self.meanings: dict[ElementKey, Mapping[Owner, Meaning]] = {}
        self.middlewares: dict[ElementKey, ResolvedMiddleware] = {}
        self.rejections: dict[ElementKey, tuple[Rejection, ...]] = {}
        self.graph = DependencyGraph()
        self.domain = domain
        self.claims = Claims()
        self._groups: dict[ElementKey, tuple[Group, ...]] = {}  # of services
        self._regrouped: set[ElementKey] = set()  # those whose contributions changed since
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
        dirty: set[ElementKey] = set()
        for key in before.keys() | after.keys():
            if key.section == "services":
                self._regrouped.add(key)
                dirty.add(key)
            elif before.get(key) != after.get(key):
                dirty.add(key)
        return dirty

    def contributions_to(self, key: ElementKey) -> tuple[Contribution, ...]:
        """Return the contributions of all instances under `key`."""
        return tuple(self.contributions.get(key, {}).values())

    def regroup(
        self, key: ElementKey, states: States
    ) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
        """Return the contributions to a service name by the service that each means.

        First as at the last call, then as they are now; the same object if none has changed.
        """
        before = self._groups.get(key, ())
        if key not in self._regrouped:
            return before, before
        self._regrouped.discard(key)
        after = sharing(key, self.contributions_to(key), states)
        self._groups[key] = after
        if not after:
            del self._groups[key]
        return before, after

    def definers(self, key: ElementKey) -> tuple[Instance, ...]:
        """Return the instances whose labels define the element `key` of the body, in order."""
        owner = key.origin.owner
        found = self.contributions.get(key.written, {})
        return tuple(
            sorted(one for one, made in found.items() if owner in {None, made.author.owner})
        )

    def services_at(self, nodes: frozenset[str] | None) -> set[ElementKey]:
        """Return the services with an instance on one of `nodes`; None: all services."""
        return {
            key
            for key, found in self.contributions.items()
            if key.section == "services"
            and (nodes is None or any(instance.node in nodes for instance in found))
        }

    # Names.

    def find_service(self, protocol: Protocol, name: str, whose: Whose) -> ElementKey:
        """Return the service that the labels of `whose` mean by `name`, in labels or as a host.

        It is what they define themselves, or else their stack on the node, or else the only one
        in the cluster, or of one service that is apart on each node the one on theirs.  If there is
        none, or several, it is a key that is not in `services`.
        """
        return self._find(self._service_keys(protocol, name), whose)

    def find_middleware(self, protocol: Protocol, name: str, whose: Whose) -> ElementKey:
        """Return the middleware that the labels of `whose` mean by `name`, as `find_service`."""
        return self._find([ElementKey(protocol, "middlewares", name)], whose)

    def _find(self, keys: Sequence[ElementKey], whose: Whose) -> ElementKey:
        """Return what `whose` mean by the first of `keys` that is nearest to them."""
        for key in keys:
            own = self.meanings.get(key, {}).get(whose.owner)
            if own is not None:
                return own.key
        for is_near in (True, False):
            for key in keys:
                found = {
                    meaning.key
                    for meaning in self.meanings.get(key, {}).values()
                    if not is_near or meaning.sites & whose.sites
                }
                if found:
                    is_clear = len(found) == 1 and (is_near or not self._is_disputed(key))
                    return found.pop() if is_clear else self._on_node(key, whose)
        return keys[0]

    def _on_node(self, key: ElementKey, whose: Whose) -> ElementKey:
        """Return what one service that is apart on each node means by `key` where `whose` are."""
        meanings = self.meanings.get(key, {})
        if len({owner.service for owner in meanings}) > 1:
            return key  # strangers
        nodes = {node for _, node in whose.sites}
        found = {
            meaning.key
            for meaning in meanings.values()
            if not nodes.isdisjoint(node for _, node in meaning.sites)
        }
        return found.pop() if len(found) == 1 else key

    def _is_disputed(self, key: ElementKey) -> bool:
        """Return whether `key` is made for a service name that means several programs."""
        is_made = key.origin.writer == "host"
        return is_made and any(one.is_disputed for one in self.meanings.get(key, {}).values())

    def _service_keys(self, protocol: Protocol, name: str) -> list[ElementKey]:
        """Return the keys that `name` may stand for, in order.  A name from labels has no dot."""
        written = ElementKey(protocol, "services", name, HOST if "." in name else LABELS)
        if name.endswith(f".{self.domain}"):
            return [written]
        labels = distinct_label(Owner(name)), dns_label(name)
        hosts = [f"{label}.{self.domain}" for label in labels if label]
        return [written, *(ElementKey(protocol, "services", host, HOST) for host in hosts)]

    def missing_of(self, key: ElementKey) -> str:
        """Return why the middleware `key` cannot be used; empty: it can."""
        if self._is_ambiguous(key):
            return f"several services define the middleware {key.name[:64]!r}, differently"
        return missing_of(key, self.middlewares, self.service_missing)

    def service_missing(self, key: ElementKey) -> str:
        """Return why the service `key` cannot be used; empty: it can."""
        if key in self.services:
            return ""
        if self._is_disputed(key):
            return f"the service name {key.name[:64]!r} means different programs"
        if self._is_ambiguous(key):
            meant = {meaning.key.origin.owner for meaning in self.meanings[key].values()}
            names = sorted(owner.stack or owner.service for owner in meant if owner)
            shown = ", ".join(name[:64] for name in names[:NAMES_SHOWN_MAX])
            return f"several stacks define the service {key.name[:64]!r}: {shown}"
        return f"the service {key.name[:64]!r} is not defined, or was left out"

    def _is_ambiguous(self, key: ElementKey) -> bool:
        return len({meaning.key for meaning in self.meanings.get(key, {}).values()}) > 1

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
