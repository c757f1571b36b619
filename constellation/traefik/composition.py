"""The tables of everything that is composed.

Each pass (see `compose`) reads the tables of earlier passes and writes its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.claims import Claims
from constellation.traefik.contributions import Contributions
from constellation.traefik.dependencies import DependencyGraph
from constellation.traefik.document import Document
from constellation.traefik.elements import (
    HOST,
    LABELS,
    ElementKey,
    Owner,
    Parts,
    Protocol,
    Whose,
)
from constellation.traefik.host_names import distinct_label, dns_label
from constellation.traefik.references import ResolvedMiddleware, is_foreign, missing_of
from constellation.traefik.rejection import Rejection
from constellation.traefik.routed import RoutedTable
from constellation.traefik.service_parts import ServiceFace
from constellation.traefik.service_servers import Backends, States
from constellation.traefik.sharing import Group, Meaning, sharing

NAMES_SHOWN_MAX = 4


class ComposedService(NamedTuple):
    """A service: all its instances, and what routers see of it."""

    backends: Backends
    face: ServiceFace


class Composition:
    """Everything that is composed.

    Attributes:
        document: all elements of the body.
        contributions: the elements that instances contribute, by key.
        services: every service that has a reachable instance, by the key that its owner means.
        routers: every router in the document.
        meanings: for each name of a middleware or service, what each owner that defines it means.
        middlewares: every middleware by the key that its owner means.
        rejections: what was left out, by the key that it belongs to.
        domain: of the default host names.
        claims: which routers name which hosts.
        graph: which elements must be composed again when another one changes.
        routed: which instances get the requests of each service.
    """

    def __init__(self, settings: TraefikSettings, domain: str) -> None:
        self.settings = settings
        self.document = Document()
        self.contributions = Contributions()
        self.services: dict[ElementKey, ComposedService] = {}
        self.routers: dict[ElementKey, Mapping[str, Any]] = {}
        self.meanings: dict[ElementKey, Mapping[Owner, Meaning]] = {}
        self.middlewares: dict[ElementKey, ResolvedMiddleware] = {}
        self.rejections: dict[ElementKey, tuple[Rejection, ...]] = {}
        self.graph = DependencyGraph()
        self.domain = domain
        self.claims = Claims()
        self.routed = RoutedTable()
        self._groups: dict[ElementKey, tuple[Group, ...]] = {}  # of several instances, not of one
        # Parts of the document, by the key that put them there.  One part is not in a tuple.
        self._parts: dict[ElementKey, ElementKey | tuple[ElementKey, ...]] = {}

    def groups(self, key: ElementKey, states: States) -> tuple[Group, ...]:
        """Return the contributions to a service name by the service that each means."""
        found = self._groups.get(key)
        if found is None:
            contributions = self.contributions.to(key)
            found = sharing(key, contributions, states)
            if len(contributions) > 1:
                self._groups[key] = found
        return found

    def forget_groups(self, keys: Iterable[ElementKey]) -> None:
        """Group again at the next call: contributions, or what tells twins, may have changed."""
        for key in keys:
            self._groups.pop(key, None)

    # Names.

    def find_service(self, protocol: Protocol, name: str, whose: Whose) -> ElementKey:
        """Return the service that the labels of `whose` mean by `name`, in labels or as a host.

        It is what they define themselves, or else their stack on the node, or else the only one
        in the cluster, or of one program that is apart on each node the one on theirs.  If there is
        none, or several, it is a key that is not in `services`.
        """
        own = self._own(_written(protocol, name), whose.owner)
        return own or self._find(self._service_keys(protocol, name), whose)

    def find_middleware(self, protocol: Protocol, name: str, whose: Whose) -> ElementKey:
        """Return the middleware that the labels of `whose` mean by `name`, as `find_service`."""
        return self._find([ElementKey(protocol, "middlewares", name)], whose)

    def _find(self, keys: Sequence[ElementKey], whose: Whose) -> ElementKey:
        """Return what `whose` mean by the first of `keys` that is nearest to them."""
        for key in keys:
            if own := self._own(key, whose.owner):
                return own
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

    def _own(self, key: ElementKey, owner: Owner) -> ElementKey | None:
        """Return what the labels of `owner` define as `key`; None: they do not."""
        meanings = self.meanings.get(key)
        own = meanings.get(owner) if meanings is not None else None
        return own.key if own is not None else None

    def _on_node(self, key: ElementKey, whose: Whose) -> ElementKey:
        """Return what one program that is apart on each node means by `key` where `whose` are.

        Different services, and different programs with one service name, are strangers: the
        nearest of them need not be the one that is meant.
        """
        meanings = self.meanings.get(key, {})
        are_programs = any(one.dispute == "programs" for one in meanings.values())
        if are_programs or len({owner.service for owner in meanings}) > 1:
            return key
        nodes = {node for _, node in whose.sites}
        found = {
            meaning.key
            for meaning in meanings.values()
            if not nodes.isdisjoint(node for _, node in meaning.sites)
        }
        return found.pop() if len(found) == 1 else key

    def _is_disputed(self, key: ElementKey) -> bool:
        """Return whether `key` is made for a service name that means several services."""
        is_made = key.origin.writer == "host"
        return is_made and any(one.dispute for one in self.meanings.get(key, {}).values())

    def _service_keys(self, protocol: Protocol, name: str) -> list[ElementKey]:
        """Return the keys that `name` may stand for, in order.  A name from labels has no dot."""
        written = _written(protocol, name)
        if name.endswith(f".{self.domain}"):
            return [written]
        labels = distinct_label(Owner(name)), dns_label(name)
        hosts = [f"{label}.{self.domain}" for label in labels if label]
        return [written, *(ElementKey(protocol, "services", host, HOST) for host in hosts)]

    def missing_of(self, key: ElementKey) -> str:
        """Return why the middleware `key` cannot be used; empty: it can."""
        if key not in self.middlewares and self._is_ambiguous(key):
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
            names = sorted(_shown(owner) for owner in meant if owner)
            shown = ", ".join(names[:NAMES_SHOWN_MAX])
            return f"several stacks define the service {key.name[:64]!r}: {shown}"
        return f"the service {key.name[:64]!r} is not defined, or was left out"

    def _is_ambiguous(self, key: ElementKey) -> bool:
        return len({meaning.key for meaning in self.meanings.get(key, {}).values()}) > 1

    def needs_of(self, named: Iterable[ElementKey], owner: Owner) -> set[ElementKey]:
        """Return every key that the labels of `owner` may mean by those that they name.

        Without those of other providers.  What `owner` defines comes first, so its labels mean
        nothing else as long as it does.
        """
        needs: set[ElementKey] = set()
        for key in named:
            if is_foreign(key.name):
                continue
            if key.section != "services":
                needs.add(key)
            elif self._own(written := _written(key.protocol, key.name), owner):
                needs.add(written)
            else:
                needs.update(self._service_keys(key.protocol, key.name))
        return needs

    # Results.

    def put(self, key: ElementKey, parts: Parts, rejected: tuple[Rejection, ...] = ()) -> None:
        """Replace what `key` has in the document by `parts`, and its rejections by `rejected`."""
        for part in self.parts_of(key):
            if part not in parts:
                self.document.discard(part)
                self.routers.pop(part, None)
        for part, config in parts.items():
            self.document.set(part, config)
            if part.section == "routers":
                self.routers[part] = config
        self._parts.pop(key, None)
        if parts:
            first, *others = parts
            self._parts[key] = (first, *others) if others else first
        self.rejections.pop(key, None)
        if rejected:
            self.rejections[key] = rejected

    def parts_of(self, key: ElementKey) -> tuple[ElementKey, ...]:
        """Return what `key` has in the document."""
        found = self._parts.get(key, ())
        return (found,) if isinstance(found, ElementKey) else found


def _shown(owner: Owner) -> str:
    name = (owner.stack or owner.service)[:64]
    return f"{name} ({owner.program[:64]})" if owner.program else name


def _written(protocol: Protocol, name: str) -> ElementKey:
    """Return the key of the service that is called `name`; only a host name has a dot."""
    return ElementKey(protocol, "services", name, HOST if "." in name else LABELS)
