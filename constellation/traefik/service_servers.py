"""The servers of one service: which instances get its requests, and how they are reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from constellation.cluster_view import InstanceId
from constellation.traefik.elements import Contribution, ElementKey, Instance, Service
from constellation.traefik.elsewhere import needs_hop, reach_elsewhere
from constellation.traefik.places import NodePlace, Places
from constellation.traefik.reach import How, Reached, doubt, reach
from constellation.traefik.rejection import Complaint, Rejection
from constellation.traefik.unreachable import mistaken_port_warning
from constellation.warp.label import needs_warp
from messages.monitor import ServiceState

States = Mapping[str, Mapping[InstanceId, ServiceState]]


class Backend(NamedTuple):
    """An instance of a service.

    Attributes:
        instance: its service, node and name.
        reached: how it is reached; None: not at all.
        is_local: it is on this node.
        options: of its server, from labels.
        left_out: why it gets no requests; empty: it does.
        is_well: it is healthy, even if it gets no requests because of its node.
        is_behind: it is on this node, and others reach it only through this node's Traefik.
        is_spare: it gets none because another instance is the primary, as it should be.
    """

    instance: Instance
    reached: Reached | None
    is_local: bool
    options: Mapping[str, object]
    left_out: str = ""
    is_well: bool = True
    is_behind: bool = False
    is_spare: bool = False

    @property
    def address(self) -> str:
        """The address of its server: a URL for HTTP, else host:port."""
        if self.reached is None:
            return ""
        if not self.reached.scheme:
            return self.reached.address
        return f"{self.reached.scheme}://{self.reached.address}"

    @property
    def how(self) -> How | None:
        """The way in which it is reached."""
        return self.reached.how if self.reached is not None else None


class Backends(NamedTuple):
    """All instances of a service, and rejections of those that cannot be reached."""

    all: tuple[Backend, ...]
    rejected: tuple[Rejection, ...]

    @property
    def exist(self) -> bool:
        """Return whether an instance can be reached, healthy or not."""
        return bool(self.all)

    @property
    def serving(self) -> tuple[Backend, ...]:
        """The instances that get requests, by address."""
        serving = tuple([backend for backend in self.all if not backend.left_out])
        if len(serving) <= 1:  # nearly always
            return serving
        return tuple(sorted(serving, key=lambda one: (one.address, one.instance)))


def backends(
    key: ElementKey, contributions: Iterable[Contribution], states: States, places: Places
) -> Backends:
    """Return the instances behind the service `key`; `contributions` are in order of these."""
    found: list[Backend] = []
    rejected: list[Rejection] = []
    for contribution in contributions:
        instance, service = contribution.instance, contribution.element
        assert isinstance(service, Service)
        state = states[instance.service][instance.id]
        place = places.of(instance.node)
        if warning := mistaken_port_warning(state, service.wish, key.protocol):
            rejected.append(warning.of(*instance.place))
        is_local = instance.node == places.self_node
        if is_local or place.left_out:  # what is left out is not reached, only explained
            reached = reach(state, service.wish, key.protocol, place.place)
        else:
            reached = reach_elsewhere(key, state, service.wish, instance.node, places)
        # A stopped container has no published ports; its route stays and answers 503.
        if isinstance(reached, Complaint) and state.health != "stopped":
            rejected.append(reached.of(*instance.place))
            continue
        if isinstance(reached, Reached) and (doubtful := doubt(state, reached)):
            rejected.append(doubtful.of(*instance.place))
        found.append(
            Backend(
                instance,
                None if isinstance(reached, Complaint) else reached,
                is_local,
                service.wish.options,
                place.left_out or _unwell(state) or _without_warp(state, place),
                state.health == "healthy",
                is_local
                and isinstance(reached, Reached)
                and needs_hop(reached, state, instance.node, places),
            )
        )
    if key.protocol == "tcp":
        found, two = _primary_only(key, found, states)
        rejected += two
    return Backends(tuple(found), tuple(rejected))


def _unwell(state: ServiceState) -> str:
    if state.health != "healthy":
        why = f": {state.reason}" if state.reason else ""
        return f"it is {state.health}{why}"
    return "it is draining: it is about to stop" if state.draining else ""


def _without_warp(state: ServiceState, place: NodePlace) -> str:
    return place.warp_fault if place.warp_fault and needs_warp(state.labels) else ""


def _primary_only(
    key: ElementKey, found: list[Backend], states: States
) -> tuple[list[Backend], list[Rejection]]:
    """If instances have roles, leave out all but the primary.

    If two claim to be the primary, only one gets requests, so that histories do not diverge.  All
    nodes choose the same one.
    """
    roles = {
        backend.instance: states[backend.instance.service][backend.instance.id].role
        for backend in found
    }
    if not any(roles.values()):
        return found, []
    primaries = [
        backend.instance
        for backend in found
        if roles[backend.instance] == "primary" and not backend.left_out
    ]
    chosen = min(primaries, default=None)
    label = f"traefik.tcp.services.{key.name}"
    reason = f"it claims to be the primary, and so does {'/'.join(chosen.place) if chosen else ''}"
    remedy = "make one of them a replica"
    none = "it is not the primary, and there is none"
    rejected = [
        Rejection(*instance.place, label, reason, remedy)
        for instance in primaries
        if instance != chosen
    ]
    kept = [
        backend
        if backend.left_out or backend.instance == chosen
        else backend._replace(
            left_out="another instance is the primary" if chosen else none,
            is_spare=bool(chosen) and backend.instance not in primaries,
        )
        for backend in found
    ]
    return kept, rejected
