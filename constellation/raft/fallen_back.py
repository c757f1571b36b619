"""Voters that come back with less than they had: on a copy of a data directory, or an old backup.

Such a voter has forgotten votes and entries that it promised to keep, so it must not vote before it
has learned again.  The leader sees it when a follower lacks entries that it has acknowledged.  A
leader that was elected later does not; but a copy runs on another host, so a voter whose address
has changed is treated alike.  A host that was given another address learns again too: that takes
seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.raft.roster import RaftRoster
from messages.wellness import Trouble

SHOWN_S = 3600.0
LOST = "it lacks entries that it had acknowledged"
MOVED = "it came back at another address, {now}; it was at {before}"
FIX = (
    "if it runs on a copy or an old backup of a data_dir, stop it and give it an empty one; if its "
    "host only has a new address, do nothing: it votes again once it has learned"
)


class FallenBack:
    """The addresses of the voters, and those that must learn again."""

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._addresses: dict[str, str] = {}
        self._waiting: dict[str, str] = {}  # voters that must learn again, and why
        self._shown: dict[str, tuple[str, float]] = {}  # and when

    def watch(self, roster: RaftRoster, voters: Iterable[str]) -> None:
        """Note where the voters are now."""
        for name in voters:
            node = roster.get(name)
            if name == self._node_name or node is None or not node.is_living or not node.address:
                continue
            before = self._addresses.get(name, node.address)
            if before != node.address:
                self.note(name, MOVED.format(now=node.address, before=before))
            self._addresses[name] = node.address
        for gone in set(self._addresses) - set(voters):
            del self._addresses[gone]  # it learns again, or is no member
        for learned in set(self._waiting) - set(voters):
            del self._waiting[learned]

    def note(self, name: str, why: str) -> None:
        """Note that a voter must learn again."""
        self._waiting[name] = why

    def show(self, now_s: float) -> None:
        """Let `status` show those that wait, for a while.  Called by the leader."""
        for name, why in self._waiting.items():
            self._shown[name] = (why, now_s)

    @property
    def waiting(self) -> dict[str, str]:
        """The voters that must learn again, and why."""
        return dict(self._waiting)

    def troubles(self, now_s: float) -> tuple[Trouble, ...]:
        """Return what was seen lately, for `status`."""
        self._shown = {
            name: seen for name, seen in self._shown.items() if now_s - seen[1] <= SHOWN_S
        }
        return tuple(
            Trouble(
                kind="name",
                subject=name[:253],
                what=f"{name[:128]} has come back with an older state of Raft, or elsewhere",
                why=f"{why}; it does not vote until it has learned again",
                fix=FIX,
            )
            for name, (why, _) in sorted(self._shown.items())
        )
