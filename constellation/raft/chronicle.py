"""Changes of leader, members and leases, as events; what happened earlier is not reported again."""

from __future__ import annotations

from collections.abc import Sequence

from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import RoleChanged
from messages.events import ChangeReported, EventName
from messages.leases import LeasesChanged
from messages.raft import NODE_CHARACTERS_MAX, RaftEntry

CATCH_UP_ENTRIES = 64  # a member that is further behind reports nothing of what it catches up on


class Chronicle:
    """The events of one member."""

    def __init__(self) -> None:
        self._known_index = 0  # entries up to here were reported in an earlier life
        self._leader = ""
        self._configuration = Configuration()

    def begin_at(self, disk: RaftDisk) -> None:
        """Treat everything on the disk as reported."""
        self._leader = ""
        self._known_index = disk.snapshot.last_index if disk.snapshot else 0
        self._configuration = (
            Configuration.of(disk.snapshot.configuration) if disk.snapshot else Configuration()
        )
        if disk.entries:
            self._known_index = disk.entries[-1].index

    def role_changed(self, change: RoleChanged) -> list[ChangeReported]:
        """Return the events of a change of role or leader."""
        before, self._leader = self._leader, change.leader
        if change.leader == before:
            return []
        if change.leader:
            reason = f"term {change.term}"
            if change.why and change.role == "leader":
                reason = f"{reason}, {change.why}"
            return [ChangeReported(what="leader_elected", node=change.leader, reason=reason)]
        return [ChangeReported(what="leader_lost", node=before, reason=change.why)]

    def applied(
        self, entries: Sequence[RaftEntry], changed: LeasesChanged, *, leader_commit_index: int
    ) -> list[ChangeReported]:
        """Return the events of newly committed entries and of the leases that they changed."""
        if entries and leader_commit_index - entries[0].index > CATCH_UP_ENTRIES:
            self._known_index = max(self._known_index, entries[-1].index)
        reports: list[ChangeReported] = []
        for entry in entries:
            if entry.kind == "configuration":
                after = Configuration.decode(entry.data)
                if entry.index > self._known_index:
                    reports += _member_changes(self._configuration, after)
                self._configuration = after
        if changed.index <= self._known_index:
            return reports
        for freed in changed.freed:
            reports.append(
                ChangeReported(
                    what="lease_freed", node=freed.holder, subject=freed.name, reason=freed.why
                )
            )
        for lease in changed.held:
            if lease.renewed_index == lease.fencing_token:
                reason = f"fencing token {lease.fencing_token}"
                reports.append(
                    ChangeReported(
                        what="lease_granted", node=lease.holder, subject=lease.name, reason=reason
                    )
                )
        return reports


def _member_changes(before: Configuration, after: Configuration) -> list[ChangeReported]:
    reports = []
    for name in sorted(before.members | after.members):
        was, is_now = _standing(before, name), _standing(after, name)
        if was != is_now:
            reason = f"{len(after.voters)} voters now"
            # A journal may hold a name of any length.
            node = name[:NODE_CHARACTERS_MAX]
            reports.append(ChangeReported(what=is_now, node=node, reason=reason))
    return reports


def _standing(configuration: Configuration, name: str) -> EventName:
    if name in configuration.voters:
        return "raft_voter"
    return "raft_learner" if name in configuration.learners else "raft_removed"
