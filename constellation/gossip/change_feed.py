"""What readers receive: a snapshot, then every change, numbered by a local version."""

from __future__ import annotations

from typing import Any

from constellation.gossip.member import Member
from constellation.gossip.node_meta import state_in
from constellation.gossip.record_codec import value_of
from constellation.gossip.record_table import RecordId, RecordTable
from messages.base import Message
from messages.gossip import (
    ClusterChanged,
    ClusterMember,
    MemberEvent,
    MemberEventKind,
    NamedNodeState,
    NodeServiceState,
    NodeState,
    NodeWarpState,
    RecordName,
    ServicesScope,
)
from messages.monitor import ServiceState
from messages.warp import WarpState

EVENTS_MAX = 4096  # between two messages
VIEW_MAX = 8192  # members, including dead and departed ones: twice `members_max`
NODE_RECORD = RecordId("node", "")


class ChangeFeed:
    """Collects changes until they are taken.  A burst of changes becomes one message."""

    def __init__(self, *, node_name: str, table: RecordTable) -> None:
        self._node_name = node_name
        self._table = table
        self._view: dict[str, tuple[ClusterMember, float]] = {}  # and when it entered its state
        self._hints: dict[str, NodeState] = {}  # from claims, until the record arrives
        self._events: list[tuple[MemberEventKind, str, float]] = []
        self._members: set[str] = set()
        self._records: set[tuple[str, RecordId]] = set()
        self.version = 0

    @property
    def is_dirty(self) -> bool:
        """There are changes to take."""
        return bool(self._members or self._records or self._events)

    def mark_record(self, author: str, record_id: RecordId) -> None:
        """Note that a record changed or was removed."""
        self._records.add((author, record_id))

    def mark_member(self, name: str, member: Member | None) -> None:
        """Note that a member changed; None: SWIM has forgotten it, but readers keep it for now."""
        if member is None:
            return
        self._view.pop(name, None)  # to the end: the first has not changed for longest
        if len(self._view) >= VIEW_MAX:
            self._forget(next((n for n, seen in self._view.items() if _is_gone(seen[0])), name))
        self._view[name] = (self._member(member), member.state_changed_at_s)
        self._members.add(name)
        hint = state_in(member.claim.meta)
        if hint != self._hints.get(name):
            self._records.add((name, NODE_RECORD))
            self._hints.pop(name, None)
            if hint is not None:
                self._hints[name] = hint

    def mark_event(self, kind: MemberEventKind, name: str, now_s: float) -> None:
        """Record an event that the member's state at the next `take_changes` may no longer show."""
        if len(self._events) < EVENTS_MAX:
            self._events.append((kind, name, now_s))

    def forget_members(self, now_s: float, *, expiry_s: float) -> None:
        """Remove members that have been dead or departed for `expiry_s`."""
        for name, (member, since_s) in list(self._view.items()):
            if _is_gone(member) and now_s - since_s > expiry_s:
                self._forget(name)

    def _forget(self, name: str) -> None:
        self._view.pop(name, None)
        self._members.add(name)
        if self._hints.pop(name, None) is not None:
            self._records.add((name, NODE_RECORD))

    def take_changes(self, now_s: float) -> ClusterChanged:
        """Return the changes since the last call, as the next version."""
        self.version += 1
        members, records = self._members, self._records
        events = tuple(
            MemberEvent(kind=kind, node=name, ago_s=max(0.0, now_s - at_s))
            for kind, name, at_s in self._events
        )
        self._members, self._records, self._events = set(), set(), []
        gone = [key for key in records if self._readable(*key) is None]
        return ClusterChanged(
            version=self.version,
            snapshot=False,
            self_node=self._node_name,
            members=self._sent_members(members & self._view.keys(), now_s),
            departed_members=tuple(sorted(members - self._view.keys())),
            removed=tuple(
                RecordName(kind=record_id.kind, node=author, key=record_id.key)
                for author, record_id in sorted(gone)
            ),
            events=events,
            **self._values(records.difference(gone)),
        )

    def snapshot(self, now_s: float) -> ClusterChanged:
        """Return everything, as of the current version.  Take the changes first."""
        records = {
            (stored.record.node, RecordId(stored.record.kind, stored.record.key))
            for stored in self._table
            if not stored.is_tombstone
        }
        records |= {
            (name, NODE_RECORD) for name in self._hints if self._readable(name, NODE_RECORD)
        }
        return ClusterChanged(
            version=self.version,
            snapshot=True,
            self_node=self._node_name,
            members=self._sent_members(set(self._view), now_s),
            **self._values(records),
        )

    def _readable(self, author: str, record_id: RecordId) -> Message | None:
        """Return the value that readers see under an id; None if there is none."""
        stored = self._table.get(author, record_id)
        if stored is None:
            return self._hints.get(author) if record_id == NODE_RECORD else None
        value = value_of(stored.record)
        assert value is None or isinstance(value, Message)
        return value

    def _member(self, member: Member) -> ClusterMember:
        ip, port = member.address
        return ClusterMember(
            node=member.name,
            state=member.state,
            address=ip,
            port=port,
            incarnation=member.incarnation,
            is_self=member.name == self._node_name,
        )

    def _sent_members(self, names: set[str], now_s: float) -> tuple[ClusterMember, ...]:
        found = ((self._view[name]) for name in sorted(names))
        return tuple(
            member.model_copy(update={"changed_ago_s": max(0.0, now_s - since_s)})
            for member, since_s in found
        )

    def _values(self, records: set[tuple[str, RecordId]]) -> dict[str, Any]:
        nodes, services, warps = [], [], []
        for author, record_id in sorted(records):
            match self._readable(author, record_id):
                case NodeState() as node:
                    nodes.append(NamedNodeState(node=author, state=node))
                case ServiceState() as service:
                    services.append(NodeServiceState(node=author, state=service))
                case WarpState() as warp:
                    warps.append(NodeWarpState(node=author, state=warp))
                case gone:
                    assert gone is None, f"a record of an unknown kind: {gone!r}"
        return {"nodes": tuple(nodes), "services": tuple(services), "warps": tuple(warps)}


def _is_gone(member: ClusterMember) -> bool:
    return member.state in ("dead", "left")


def limited(change: ClusterChanged, services: ServicesScope) -> ClusterChanged:
    """Return what a reader receives that needs these services only.

    It has the same version, and is sent even if nothing is left of it: a missing version would tell
    the reader that a change was lost.
    """
    if services == "all":
        return change
    own = change.self_node if services == "own" else None
    return change.model_copy(
        update={
            "services": tuple(item for item in change.services if item.node == own),
            "removed": tuple(
                name for name in change.removed if name.kind != "service" or name.node == own
            ),
        }
    )
