"""The watched containers of this host, from Docker's events and from listings.

Some events take effect at once: a container died, was paused, was asked to stop, or its health
changed.  After any other event the container is inspected.  A listing finds changes that no event
reported, and with them that the stream of events has stalled.  A response of Docker may be older
than an event that arrived meanwhile: each request records the `sequence` before it is sent, and its
response is ignored for a container that had an event since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from constellation.effects import Note, Send
from constellation.monitor.claims import winning_claim
from constellation.monitor.complaints import Complaints
from constellation.monitor.container import (
    CHECKS,
    Container,
    Unreadable,
    read_container,
)
from constellation.monitor.container_row import ContainerRow, read_rows
from constellation.monitor.docker_event import ContainerEvent
from constellation.monitor.draining import Draining
from constellation.monitor.engine_facts import unreached_why
from constellation.monitor.network_lender import does_not_run
from constellation.monitor.not_inspectable import NotInspectable
from constellation.monitor.published_ports import PublishPolicy
from constellation.monitor.renames import Renames
from constellation.monitor.service_name import within_limit
from constellation.monitor.stop_signal import signal_number
from constellation.monitor.unwatched import UnwatchedContainers
from constellation.monitor.watch_labels import is_watched
from constellation.value import Value
from messages.monitor import ServiceObservation, ServicesObserved

CONTAINERS_MAX = 512


class Inspect(Value):
    """Effect: inspect the container, and pass the response to `inspected`."""

    container_id: str


class InspectSoon(Value):
    """Effect: as `Inspect`, a moment later, when the check that ended is in Docker's log."""

    container_id: str


class ListSoon(Value):
    """Effect: list the containers: the inspection of one does not answer, but a listing may."""


class SettleNames(Value):
    """Effect: call `names_settled` a moment later; once, however often it is asked for."""


class Unreported(Value):
    """Effect: call `has_stalled` a moment later; no event has reported what a listing found."""

    container_ids: tuple[str, ...]
    since: int


Effect = Inspect | InspectSoon | ListSoon | SettleNames | Unreported | Send | Note


class InventoryPolicy(Value):
    """Which containers are watched, and how they are published.

    `trusts_addresses`: containers are reached at their own addresses, whatever the engine says.
    `static_names` are those of the static services of this node.
    """

    publish: PublishPolicy
    watch: str = "enabled"
    stopped_expiry_s: float = 300.0
    containers_max: int = CONTAINERS_MAX
    trusts_addresses: bool = False
    static_names: frozenset[str] = frozenset()


class Inventory:
    """All known containers of this host.  `now_s` is monotonic seconds."""

    def __init__(self, policy: InventoryPolicy) -> None:
        self.policy = policy
        self.sequence = 0
        self.containers: dict[str, Container] = {}
        self.instances: dict[str, ServiceObservation] = {}  # as sent to `services` last
        self._listed = False
        self._event_at: dict[str, int] = {}  # sequence of the last event of a container
        self._unreported_since: dict[
            str, int
        ] = {}  # `Unreported.since` of containers without an event so far
        self._rows: dict[str, str] = {}  # fingerprint of a container in the last listing
        self._pending: set[str] = set()  # to be inspected
        self._not_inspectable = NotInspectable()
        self.unreadable: dict[str, Unreadable] = {}
        self.refused: dict[str, str] = {}  # names of containers above the limit
        self.unwatched = UnwatchedContainers(policy.watch)
        self._draining = Draining()
        self._renames = Renames()
        self._stopped_at_s: dict[str, float] = {}
        self._complaints = Complaints()

    @property
    def complete(self) -> bool:
        """Every watched container has been read, so an instance not among them is gone."""
        return self._listed and not self._pending - self._not_inspectable.read

    @property
    def not_inspectable(self) -> tuple[str, ...]:
        """Names of the containers whose inspection does not answer."""
        return tuple(sorted(self._not_inspectable.names.values()))

    def everything(self) -> ServicesObserved:
        """Return all instances as they are known now."""
        return ServicesObserved(
            source="docker",
            complete=self.complete,
            observations=tuple(self.instances[name] for name in sorted(self.instances)),
        )

    def disconnected(self) -> None:
        """Handle the loss of the connection: the known state stays until the next listing."""
        self._listed = False
        self._rows.clear()
        self._pending.clear()
        self._not_inspectable.clear()
        self._unreported_since.clear()

    def connected(self, info: Mapping[str, Any]) -> list[Effect]:
        """Handle what the engine says of itself."""
        if self.policy.trusts_addresses:
            return []
        publish = replace(self.policy.publish, unreached_why=unreached_why(info))
        if publish == self.policy.publish:
            return []
        self.policy = replace(self.policy, publish=publish)
        return [
            effect for container_id in self.containers for effect in self._inspect(container_id)
        ]

    # Events and responses of Docker.

    def event(self, event: ContainerEvent, now_s: float) -> list[Effect]:
        """Handle one event."""
        container_id = event.container_id
        if event.action in {"kill", "exec_die"}:
            return self._sign(event, now_s)
        self._unreported_since.pop(container_id, None)
        known = self.containers.get(container_id)
        # Also of a container that is not watched: it may lend its network to one that is.
        self.sequence += 1
        self._event_at[container_id] = self.sequence
        borrowers = self._lender_event(event)
        if known is None and not (event.labels and is_watched(event.labels, self.policy.watch)):
            soon = [ListSoon()] if self.unwatched.is_concerned(event) else []
            return [*(self._changes(now_s) if borrowers else ()), *borrowers, *soon]
        if event.action in {"die", "start", "restart"}:
            self._draining.end(container_id)
        match event.action:
            case "destroy":
                return [*self._forget(container_id, now_s), *borrowers]
            case "stop":  # sent after the death that it caused
                return []
            case "die" if known is not None:
                self.containers[container_id] = known.stopped(f"exited with code {event.argument}")
            case "pause" if known is not None:
                self.containers[container_id] = known.paused()
            case "health_status" if known is not None and event.argument in CHECKS:
                self.containers[container_id] = known.checked(CHECKS[event.argument])
            case "rename" if known is not None and known.phase in {"running", "paused"}:
                new = event.labels.get("name", "")
                self._renames.begin(container_id, known.name, new, now_s)
                return [SettleNames(), *borrowers]
            case _:
                pass
        # A change of one that cannot be inspected is seen in a listing only.
        soon = [ListSoon()] if container_id in self._not_inspectable else []
        return [*self._changes(now_s), *self._inspect(container_id), *soon, *borrowers]

    def names_settled(self, now_s: float) -> list[Effect]:
        """Give renamed containers their new names, if these have settled."""
        settled = self._renames.settled(now_s)
        effects: list[Effect] = [SettleNames()] if self._renames else []
        for container_id, name in settled.items():
            known = self.containers.get(container_id)
            if known is not None and name:
                self.containers[container_id] = self._with_own_name(known.renamed(name))
            effects += self._inspect(container_id)
        return [*self._changes(now_s), *effects]

    def inspected(
        self, container_id: str, found: Mapping[str, Any] | None, since: int, now_s: float
    ) -> list[Effect]:
        """Handle the response to `Inspect`, sent at `since`; None: no such container."""
        if self._has_event_after(since, container_id):
            # The response may predate the event, so inspect again.
            return self._inspect(container_id)
        self._pending.discard(container_id)
        self._not_inspectable.discard(container_id)
        if found is None:
            return self._forget(container_id, now_s)
        container = read_container(self._under_known_name(found), self.policy.publish)
        if isinstance(container, Unreadable):
            self.containers.pop(container_id, None)
            self.unreadable[container_id] = container
            return [*self._complaints.unreadable(container), *self._changes(now_s)]
        self.unreadable.pop(container_id, None)
        if any(self._has_event_after(since, lender) for lender in container.lenders):
            return self._inspect(container_id)
        if container_id not in self.containers and self._is_full:
            return self._refuse(container_id, container.name)
        named = self._with_own_name(container)
        self.refused.pop(container_id, None)
        self.containers[container_id] = self._draining.marked(named, now_s)
        return [*self._complaints.about(container), *self._changes(now_s)]

    def not_inspected(self, container_id: str, now_s: float) -> list[Effect]:
        """Handle a failed `Inspect`: it is repeated with the next listing, and then more seldom."""
        if container_id not in self._not_inspectable:
            self._rows.pop(container_id, None)
        return self.overdue(container_id, now_s)

    def overdue(self, container_id: str, now_s: float) -> list[Effect]:
        """Handle an `Inspect` without a response in time: a listing says what is known."""
        if container_id not in self._pending:
            return []
        known = self.containers.get(container_id)
        name = known.name if known else container_id[:12]
        is_read = container_id in self._not_inspectable.read
        self._not_inspectable.add(container_id, name, now_s)
        return [] if is_read else [ListSoon()]

    def listed(self, found: Iterable[Mapping[str, Any]], since: int, now_s: float) -> list[Effect]:
        """Handle a listing (`GET /containers/json?all=1`) that was requested at `since`."""
        first, self._listed = not self._listed, True
        listing = list(found)
        rows = read_rows(listing)
        self._not_inspectable.listed(listing, since)
        notes = self.unwatched.listed(rows.values())
        effects: list[Effect] = [*notes]
        unreported: list[str] = []
        for container_id, row in rows.items():
            is_due = (
                self._is_new(row)
                or self._is_doubtful(container_id, now_s)
                or self._not_inspectable.is_due(container_id, now_s)
            )
            if self._has_event_after(since, container_id) or not is_due:
                continue
            if not first and self._is_unreported(row):
                unreported.append(container_id)
            effects += self._look_closer(row)
        for container_id in self._known() - rows.keys():
            if not self._has_event_after(since, container_id):
                if not first and container_id in self.containers:
                    unreported.append(container_id)
                effects += self._forget(container_id, now_s)
        for container_id in self._event_at.keys() - rows.keys():
            if not self._has_event_after(since, container_id):
                del self._event_at[container_id]
        if unreported:
            self._unreported_since |= dict.fromkeys(unreported, since)
            effects.append(Unreported(tuple(unreported), since))
        return [*effects, *self._read_rows(now_s), *self._changes(now_s)]

    def has_stalled(self, unreported: Unreported) -> bool:
        """Return whether no event has arrived for what a listing found: the stream has stalled."""
        untold = [
            container_id
            for container_id in unreported.container_ids
            if self._unreported_since.get(container_id) == unreported.since
        ]
        for container_id in untold:
            del self._unreported_since[container_id]
        return bool(untold)

    # Internals.

    def _sign(self, event: ContainerEvent, now_s: float) -> list[Effect]:
        """Handle an event that changes no container, so no response becomes outdated by it.

        Docker reports a signal after sending it, which may be after the death that it caused.
        """
        known = self.containers.get(event.container_id)
        if known is None or known.phase != "running":
            return []
        if event.action == "exec_die":
            return [InspectSoon(known.container_id)] if known.is_role_of_check else []
        if signal_number(event.argument) != known.stop_signal:
            return []
        self.containers[known.container_id] = self._draining.begin(known, now_s)
        return self._changes(now_s)

    def _under_known_name(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the inspection with the known name, if the new one has not settled yet."""
        known = self._renames.known_name(str(found.get("Id", "")))
        return {**found, "Name": known} if known else found

    def _read_rows(self, now_s: float) -> list[Effect]:
        """Read the containers whose inspection does not answer from their rows."""
        effects: list[Effect] = []
        for container_id, found in self._not_inspectable.inspections():
            if self._has_event_after(self._not_inspectable.since, container_id):
                continue
            container = read_container(self._under_known_name(found), self.policy.publish)
            if isinstance(container, Unreadable):
                continue
            known = self.containers.get(container_id)
            self._not_inspectable.names[container_id] = container.name
            self._not_inspectable.read.add(container_id)
            if known is None and self._is_full:
                continue
            named = self._with_own_name(container.known_by_row(known))
            self.containers[container_id] = self._draining.marked(named, now_s)
            effects += self._complaints.not_inspectable(container)
        return [*self._changes(now_s), *effects]

    def _lender_event(self, event: ContainerEvent) -> list[Effect]:
        """Handle an event of a container that lends its network: look again at who uses it."""
        if event.action in {"stop", "health_status", "pause", "unpause"}:
            return []  # the network stays as it is
        effects: list[Effect] = []
        name = event.labels.get("name", "")
        for container_id, container in list(self.containers.items()):
            if not {event.container_id, name} & {*container.lenders}:
                continue
            if event.action in {"die", "destroy"}:
                lender = name or event.container_id[:12]
                why = "; ".join(does_not_run(lender, container.name))
                self.containers[container_id] = container.cut_off(why)
            effects += self._inspect(container_id)
        return effects

    @property
    def _is_full(self) -> bool:
        return len(self.containers) >= self.policy.containers_max

    def _known(self) -> set[str]:
        return (
            self.containers.keys()
            | self._rows.keys()
            | self._pending
            | self.unreadable.keys()
            | self.refused.keys()
        )

    def _inspect(self, container_id: str) -> list[Effect]:
        self._pending.add(container_id)
        return [Inspect(container_id)]

    def _has_event_after(self, since: int, container_id: str) -> bool:
        return self._event_at.get(container_id, 0) > since

    def _is_new(self, row: ContainerRow) -> bool:
        watched = is_watched(row.labels, self.policy.watch)
        return watched and self._rows.get(row.container_id) != row.fingerprint

    def _is_doubtful(self, container_id: str, now_s: float) -> bool:
        """Return whether a container may differ from both its known state and its row."""
        known = self.containers.get(container_id)
        if known is None or known.phase != "running":
            return False
        return known.is_role_of_check or self._draining.is_over(known, now_s)

    def _is_unreported(self, row: ContainerRow) -> bool:
        """Return whether `row` shows a change that an event should have reported."""
        if row.container_id in self._pending or row.container_id in self.unreadable:
            return False
        known = self.containers.get(row.container_id)
        return not self._is_full if known is None else row.contradicts(known)

    def _look_closer(self, row: ContainerRow) -> list[Effect]:
        if row.container_id not in self.containers and self._is_full:
            return self._refuse(row.container_id, row.name)
        self._rows[row.container_id] = row.fingerprint
        return self._inspect(row.container_id)

    def _refuse(self, container_id: str, name: str) -> list[Effect]:
        if len(self.refused) < CONTAINERS_MAX:
            self.refused[container_id] = name
        return [*self._complaints.refused(container_id, name, self.policy.containers_max)]

    def _forget(self, container_id: str, now_s: float) -> list[Effect]:
        self.containers.pop(container_id, None)
        self.refused.pop(container_id, None)
        self._rows.pop(container_id, None)
        self._pending.discard(container_id)
        self._not_inspectable.discard(container_id)
        self._renames.forget(container_id)
        self.unreadable.pop(container_id, None)
        self._stopped_at_s.pop(container_id, None)
        self._draining.end(container_id)
        self._complaints.forget(container_id)
        return self._changes(now_s)

    def _changes(self, now_s: float) -> list[Effect]:
        """Send `services` what differs from what it was sent last."""
        instances: dict[str, ServiceObservation] = {}
        for name, rivals in self._claims(now_s).items():
            holder = self.instances.get(name)
            winner = winning_claim(rivals, holder.instance if holder else None)
            if winner is not None:
                instances[name] = winner
        changed = tuple(
            instances[name]
            for name in sorted(instances)
            if instances[name] != self.instances.get(name)
        )
        vanished = tuple(sorted(self.instances.keys() - instances.keys()))
        self.instances = instances
        if not changed and not vanished:
            return []
        report = ServicesObserved(
            source="docker", complete=False, observations=changed, vanished=vanished
        )
        return [Send("services", report)]

    def _claims(self, now_s: float) -> dict[str, dict[str, ServiceObservation]]:
        """Return which containers claim each instance name; long stopped ones claim none."""
        claims: dict[str, dict[str, ServiceObservation]] = {}
        for container_id, container in self.containers.items():
            if container.phase == "created":
                continue  # not an instance yet, and it may still be renamed
            if container.phase != "stopped":
                self._stopped_at_s.pop(container_id, None)
            else:
                stopped_s = now_s - self._stopped_at_s.setdefault(container_id, now_s)
                if stopped_s > self.policy.stopped_expiry_s:
                    continue
            seen = container.observation
            claims.setdefault(seen.key, {})[container_id] = seen
        return claims

    def _with_own_name(self, container: Container) -> Container:
        """Return it under a name that no static service of this node has."""
        seen = container.observation
        if seen.key not in self.policy.static_names:
            return container
        name = within_limit(f"{seen.key}@docker")
        return replace(container, observation=seen.model_copy(update={"name": name}))
