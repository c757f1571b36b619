"""The recent events of the cluster, as one node learned of them; kept in memory only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from constellation.cluster_view import ClusterView, InstanceId
from constellation.value import Value
from messages.events import ChangeReported, EventName, EventRow, EventsReport
from messages.gossip import ClusterChanged, NodeState

EVENTS_MAX = 500


class _Event(Value):
    at_s: float
    node: str
    what: EventName
    service: str = ""
    reason: str = ""
    subject: str = ""


class History:
    """The latest events.  `now_s` is monotonic seconds."""

    def __init__(self, now_s: float) -> None:
        self._since_s = now_s
        self._events: deque[_Event] = deque(maxlen=EVENTS_MAX)

    def add_cluster_change(self, before: ClusterView, change: ClusterChanged, now_s: float) -> None:
        """Add the events of a change to the view `before`; a first snapshot has none."""
        for event in change.events:
            if event.kind != "update":  # what has changed is in the records: see below
                self._events.append(_Event(now_s - event.ago_s, event.node, event.kind))
        if before.known:
            self._events.extend(_update_events(before, change, now_s))
            self._events.extend(_cordon_events(before, change, now_s))
            self._events.extend(_service_events(before, change, now_s))
            self._events.extend(_warp_events(before, change, now_s))

    def add_report(self, change: ChangeReported, now_s: float) -> None:
        """Add an event that an actor of this node reported."""
        self._events.append(
            _Event(now_s, change.node, change.what, reason=change.reason, subject=change.subject)
        )

    def report(self, now_s: float) -> EventsReport:
        """Return all events, the newest first."""
        rows = (
            EventRow(
                ago_s=max(0.0, now_s - event.at_s),
                node=event.node,
                service=event.service,
                subject=event.subject,
                what=event.what,
                reason=event.reason,
            )
            for event in reversed(self._events)
        )
        return EventsReport(events=tuple(rows), since_ago_s=max(0.0, now_s - self._since_s))


def _update_events(before: ClusterView, change: ClusterChanged, now_s: float) -> Iterator[_Event]:
    for one in change.nodes:
        known = before.nodes.get(one.node)
        what = ", ".join(_differences(known, one.state)) if known is not None else ""
        if what:
            yield _Event(now_s, one.node, "update", reason=what)


def _differences(before: NodeState, after: NodeState) -> Iterator[str]:
    """Yield what an operator may want to know of a node that has changed."""
    for words, old, new in (
        ("address", before.address, after.address),
        ("agent", before.agent_version, after.agent_version),
        ("priority", before.priority, after.priority),
        ("ingress port", before.ingress_port, after.ingress_port),
    ):
        if old != new:
            yield f"{words} {new}, before {old}"
    if after.ingress not in {before.ingress, "unknown"}:
        yield f"its ingress {after.ingress}"
    for name in sorted(set(after.capabilities) - set(before.capabilities)):
        yield f"{name} works"
    for name in sorted(set(before.capabilities) - set(after.capabilities)):
        yield f"{name} does not work"
    if before.witness != after.witness:
        yield "it is a witness now" if after.witness else "it is no longer a witness"


def _cordon_events(before: ClusterView, change: ClusterChanged, now_s: float) -> Iterator[_Event]:
    for one in change.nodes:
        known = before.nodes.get(one.node)  # a new node that is cordoned is no event
        if known is not None and known.cordoned != one.state.cordoned:
            what: EventName = "cordoned" if one.state.cordoned else "uncordoned"
            yield _Event(now_s, one.node, what, reason=one.state.cordon_reason)


def _service_events(before: ClusterView, change: ClusterChanged, now_s: float) -> Iterator[_Event]:
    for one in change.services:
        known = before.services.get(one.state.service, {}).get(InstanceId(one.node, one.state.key))
        if known is None or known.health != one.state.health:
            reason = "" if one.state.health == "healthy" else one.state.reason
            yield _service_event(
                now_s, one.node, one.state.health, one.state.service, one.state.key, reason
            )
    for gone in change.removed:
        service = before.service_of.get(InstanceId(gone.node, gone.key))
        if gone.kind == "service" and service is not None:
            yield _service_event(now_s, gone.node, "gone", service, gone.key)


def _warp_events(before: ClusterView, change: ClusterChanged, now_s: float) -> Iterator[_Event]:
    for one in change.warps:
        known = before.warps.get(one.state.gateway, {}).get(one.node)
        if one.state.health == "unknown" or (known and known.health == one.state.health):
            continue
        is_well = one.state.health == "healthy"
        what: EventName = "warp_healthy" if is_well else "warp_unhealthy"
        reason = f"its egress is {one.state.egress_ip}" if is_well else one.state.reason
        yield _Event(now_s, one.node, what, reason=reason, subject=one.state.gateway)


def _service_event(
    now_s: float, node: str, what: EventName, service: str, instance: str, reason: str = ""
) -> _Event:
    subject = "" if instance == service else instance
    return _Event(now_s, node, what, service, reason, subject)
