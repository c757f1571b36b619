"""The cluster as a reader sees it: immutable, built from gossip's snapshots and deltas.

Deltas are applied in order of `version`.  When one is missing, the view keeps what it has, sets
`gap`, and waits for the next snapshot.

A service has instances on many nodes, and may have several on one.

Parts that a delta does not change are the same objects as before, and a view knows which services
the last deltas changed.  So a reader of thousands of services needs not compare them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from constellation.warp.label import needs_warp
from messages.gossip import ClusterChanged, ClusterMember, NodeServiceState, NodeState
from messages.monitor import ServiceState
from messages.warp import WarpState

K = TypeVar("K")
V = TypeVar("V")

LIVING = frozenset({"alive", "suspect"})  # a suspect is not dead (SWIM §4.2)


CHANGES_KEPT = 64


_EMPTY: Mapping[Any, Any] = MappingProxyType({})


def _empty() -> Any:
    return _EMPTY  # the same for all views: hundreds of actors follow no cluster


class InstanceId(NamedTuple):
    """One instance: its name is unique on its node."""

    node: str
    name: str


@dataclass(frozen=True, slots=True)
class _Changes:
    """The services that the last deltas after one snapshot changed, the newest last."""

    snapshot: object = field(default_factory=object)
    services: tuple[frozenset[str], ...] = ()

    def with_next(self, services: frozenset[str]) -> _Changes:
        return _Changes(self.snapshot, (*self.services[1 - CHANGES_KEPT :], services))


@dataclass(frozen=True, slots=True)
class ClusterView:
    """Everything one reader knows.  `version` is -1 until the first snapshot.

    `services` are the instances of each service, and `service_of` is the service of each instance.
    """

    version: int = -1
    self_node: str = ""
    gap: bool = False  # a delta was missed: subscribe again
    members: Mapping[str, ClusterMember] = field(default_factory=_empty)
    nodes: Mapping[str, NodeState] = field(default_factory=_empty)
    services: Mapping[str, Mapping[InstanceId, ServiceState]] = field(default_factory=_empty)
    service_of: Mapping[InstanceId, str] = field(default_factory=_empty)
    warps: Mapping[str, Mapping[str, WarpState]] = field(default_factory=_empty)
    changes: _Changes = field(default_factory=_Changes, compare=False, repr=False)

    @property
    def known(self) -> bool:
        """A snapshot was received."""
        return self.version >= 0

    def apply(self, change: ClusterChanged) -> ClusterView:
        """Return the view after `change`.

        A snapshot replaces everything.  A delta that is older than this view changes nothing;
        one that does not follow it sets `gap` and changes nothing else.
        """
        if change.snapshot:
            return _merge(ClusterView(), change)
        if not self.known or change.version > self.version + 1:
            return replace(self, gap=True)
        if self.gap or change.version <= self.version:
            return self
        return _merge(self, change)

    def services_changed_since(self, earlier: ClusterView) -> frozenset[str] | None:
        """Return the services that may differ from those of `earlier`; None: not known.

        It is known of a view of the same snapshot that is only some deltas older.
        """
        count = self.version - earlier.version
        is_known = earlier.changes.snapshot is self.changes.snapshot
        if not is_known or not 0 <= count <= len(self.changes.services):
            return None
        last = self.changes.services[len(self.changes.services) - count :]
        return frozenset().union(*last)

    def is_living(self, node: str) -> bool:
        """Return whether `node` is a member that is alive or suspect."""
        member = self.members.get(node)
        return member is not None and member.state in LIVING

    def is_cordoned(self, node: str) -> bool:
        """Return whether `node` is cordoned; one without a known state is not."""
        state = self.nodes.get(node)
        return state is not None and state.cordoned

    def is_routable(self, node: str, state: ServiceState) -> bool:
        """Return whether an instance on `node` may get requests; `state` is its present state."""
        return (
            state.health == "healthy"
            and not state.draining
            and self.is_living(node)
            and not self.is_cordoned(node)
            and not self.lacks_warp(node, state)
        )

    def warp_fault(self, node: str) -> str:
        """Return why services on `node` that need WARP get no requests; empty: they do.

        All gateways of the node must be healthy.  Nothing is known, and nothing is wrong, while
        no node of the cluster probes a gateway.
        """
        if not self.warps:
            return ""
        own = [states[node] for _, states in sorted(self.warps.items()) if node in states]
        if not own:
            return "it needs WARP, and its node probes no gateway: set warp.gateways there"
        ill = next((state for state in own if state.health != "healthy"), None)
        if ill is None:
            return ""
        why = f": {ill.reason}" if ill.reason else ""
        return f"it needs WARP, and {ill.gateway} of its node is {ill.health}{why}"

    def lacks_warp(self, node: str, state: ServiceState) -> bool:
        """Return whether an instance on `node` needs WARP, and its node has none that works."""
        return bool(self.warps) and needs_warp(state.labels) and bool(self.warp_fault(node))

    def routable(self, service: str) -> tuple[tuple[str, ServiceState], ...]:
        """Return the instances of `service` that may get requests, each with its node, in order."""
        instances = sorted(self.services.get(service, {}).items())
        return tuple(
            (one.node, state) for one, state in instances if self.is_routable(one.node, state)
        )

    def instances(self) -> Iterator[tuple[str, str, ServiceState]]:
        """Yield the service, node and state of every instance, ordered by service, node, name."""
        for service in sorted(self.services):
            instances = self.services[service]
            for one in sorted(instances):
                yield service, one.node, instances[one]


def _merge(view: ClusterView, change: ClusterChanged) -> ClusterView:
    gone: dict[str, list[tuple[str, str]]] = {"node": [], "service": [], "warp": []}
    for name in change.removed:
        gone[name.kind].append((name.key, name.node))
    services, service_of = _changed_services(view, change.services, gone["service"])
    return ClusterView(
        version=change.version,
        self_node=change.self_node,
        members=_changed(
            view.members,
            [(member.node, member) for member in change.members],
            change.departed_members,
        ),
        nodes=_changed(
            view.nodes,
            [(item.node, item.state) for item in change.nodes],
            [node for _, node in gone["node"]],
        ),
        services=services,
        service_of=service_of,
        warps=_changed_by_node(
            view.warps,
            [(item.state.gateway, item.node, item.state) for item in change.warps],
            gone["warp"],
        ),
        changes=_Changes()
        if change.snapshot
        else view.changes.with_next(_concerned(view, change.services, gone["service"])),
    )


def _concerned(
    view: ClusterView, new: Iterable[NodeServiceState], gone: Iterable[tuple[str, str]]
) -> frozenset[str]:
    """Return the services of which instances are new, changed, moved or gone."""
    named = {item.state.service for item in new}
    ids = [InstanceId(item.node, item.state.key) for item in new]
    ids += [InstanceId(node, name) for name, node in gone]
    return frozenset(named.union(view.service_of[one] for one in ids if one in view.service_of))


def _changed(old: Mapping[K, V], new: Sequence[tuple[K, V]], gone: Sequence[K]) -> Mapping[K, V]:
    if not new and not gone:
        return old
    values = _copy(old)
    values.update(new)
    for key in gone:
        values.pop(key, None)
    return MappingProxyType(values)


def _copy(old: Mapping[K, V]) -> dict[K, V]:
    """Return a copy; of a large view it is made with every change, so it must be fast."""
    return old.copy() if isinstance(old, MappingProxyType) else dict(old)


def _changed_services(
    view: ClusterView, new: Iterable[NodeServiceState], gone: Iterable[tuple[str, str]]
) -> tuple[Mapping[str, Mapping[InstanceId, ServiceState]], Mapping[InstanceId, str]]:
    """Return `services` and `service_of` after a change; an instance may change its service."""
    if not new and not gone:
        return view.services, view.service_of
    made: dict[str, dict[InstanceId, ServiceState]] = {}  # of the services that change
    moved: dict[InstanceId, str | None] = {}

    def instances(service: str) -> dict[InstanceId, ServiceState]:
        if service not in made:
            made[service] = dict(view.services.get(service, {}))
        return made[service]

    for item in new:
        one, service = InstanceId(item.node, item.state.key), item.state.service
        before = moved.get(one, view.service_of.get(one))
        if before != service:
            if before is not None:
                del instances(before)[one]
            moved[one] = service
        instances(service)[one] = item.state
    for name, node in gone:
        one = InstanceId(node, name)
        before = moved.get(one, view.service_of.get(one))
        if before is not None:
            del instances(before)[one]
        moved[one] = None
    return _with_services(view.services, made), _moved(view.service_of, moved)


def _with_services(
    old: Mapping[str, Mapping[InstanceId, ServiceState]],
    made: Mapping[str, dict[InstanceId, ServiceState]],
) -> Mapping[str, Mapping[InstanceId, ServiceState]]:
    """Return `old` with the instances of some services replaced."""
    services = _copy(old)
    for service, instances in made.items():
        if instances:
            services[service] = MappingProxyType(instances)
        else:
            services.pop(service, None)
    return MappingProxyType(services)


def _moved(
    old: Mapping[InstanceId, str], moved: Mapping[InstanceId, str | None]
) -> Mapping[InstanceId, str]:
    """Return `old` after some instances changed their service, or went (None)."""
    if not moved:
        return old
    service_of = _copy(old)
    for one, service in moved.items():
        if service is None:
            service_of.pop(one, None)
        else:
            service_of[one] = service
    return MappingProxyType(service_of)


def _changed_by_node(
    old: Mapping[str, Mapping[str, V]],
    new: Sequence[tuple[str, str, V]],
    gone: Sequence[tuple[str, str]],
) -> Mapping[str, Mapping[str, V]]:
    if not new and not gone:
        return old
    values = _copy(old)
    for name, node, state in new:
        values[name] = MappingProxyType({**values.get(name, {}), node: state})
    for name, node in gone:
        rest = {other: state for other, state in values.get(name, {}).items() if other != node}
        values[name] = MappingProxyType(rest)
        if not rest:
            del values[name]
    return MappingProxyType(values)
