"""What a member knows in every role: term, vote, log, configuration, commit index.

Invariants: `applied_index` <= `commit_index` <= the log's last index; the latest configuration in
the log is in force, committed or not (Raft §6); every change comes with the effect that makes it
durable.
"""

from __future__ import annotations

from collections.abc import Sequence

from constellation.effects import Note
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import (
    Apply,
    Effect,
    Restore,
    RoleChanged,
    SaveEntries,
    SaveHardState,
    SaveSnapshot,
    SendTo,
)
from constellation.raft.log import RaftLog
from constellation.raft.roles import Role, RoleEvent, next_role
from messages.base import Message
from messages.raft import RaftEntry, RaftHardState, RaftSnapshot

_ALL_BYTES = 1 << 62


class RaftState:
    """The state of one member, and the effects its changes ask for."""

    def __init__(self, node_name: str, disk: RaftDisk) -> None:
        self.node_name = node_name
        self.term = disk.hard_state.term
        self.voted_for = disk.hard_state.voted_for
        self.snapshot = snapshot = disk.snapshot
        index, term = (snapshot.last_index, snapshot.last_term) if snapshot else (0, 0)
        self.log = RaftLog(disk.entries, snapshot_index=index, snapshot_term=term)
        self.commit_index = index
        self.applied_index = index
        self._role: Role = "follower"
        self.leader = ""
        self._configurations: list[tuple[int, Configuration]] = [
            (index, Configuration.of(snapshot.configuration) if snapshot else Configuration())
        ]
        self._configurations += _configurations_in(disk.entries)
        self._effects: list[Effect] = []

    # The configuration.

    @property
    def configuration(self) -> Configuration:
        """The configuration in force: the latest in the log."""
        return self._configurations[-1][1]

    @property
    def configuration_index(self) -> int:
        """The index of the entry that holds it, or of the snapshot if no entry does."""
        return self._configurations[-1][0]

    @property
    def committed_configuration(self) -> Configuration:
        """The latest configuration that cannot be reverted."""
        return self._configuration_at(self.commit_index)

    @property
    def possible_voters(self) -> frozenset[str]:
        """The voters of the committed configuration and of all later ones.

        A voter that is being removed may stand until its removal is known to be committed: it may
        have the only complete log, and then no other node can be elected (thesis §4.2.2).
        """
        committed = self.committed_configuration.voters
        later = [one.voters for at, one in self._configurations if at > self.commit_index]
        return committed.union(*later)

    def _configuration_at(self, index: int) -> Configuration:
        known = [one for at, one in self._configurations if at <= index]
        return known[-1]

    # The log.

    def append(self, entries: Sequence[RaftEntry]) -> None:
        """Append entries, replacing any that conflict with them.

        Raises:
            ValueError: they would replace a committed entry, or do not follow the log: some node
                has violated the protocol.  Nothing has changed.
            WireError: an entry should hold a configuration and does not.
        """
        configurations = _configurations_in(entries)
        first = entries[0].index
        if first <= self.log.last_index:
            self.log.check_order(entries, after=first - 1)
            self.log.cut_from(first, commit_index=self.commit_index)
            self._configurations = [one for one in self._configurations if one[0] < first]
        self.log.append(entries)
        self._configurations += configurations
        self.emit(SaveEntries(tuple(entries)))

    def commit(self, index: int) -> None:
        """Commit up to `index`, and emit `Apply` for the entries that were not applied yet."""
        self.commit_index = max(self.commit_index, min(index, self.log.last_index))
        count = self.commit_index - self.applied_index
        if count > 0:
            first = self.applied_index + 1
            entries = self.log.entries_from(first, bytes_max=_ALL_BYTES, count_max=count)
            self.applied_index = self.commit_index
            self.emit(Apply(entries))

    def take_snapshot(self, data: bytes) -> None:
        """Replace the entries up to `applied_index` by `data`, the state machine at that index."""
        index = self.applied_index
        if index == self.log.snapshot_index:
            return
        self._begin_at(
            RaftSnapshot(
                last_index=index,
                last_term=self.log.term_at(index) or 0,
                configuration=self._configuration_at(index).message(),
                data=data,
            )
        )

    def begin_from(self, configuration: Configuration, index: int, data: bytes) -> None:
        """Begin a cluster's log with a state machine, as if `index` entries had led to it."""
        message = configuration.message()
        first = RaftSnapshot(last_index=index, last_term=1, configuration=message, data=data)
        self._begin_at(first)
        self.commit_index = self.applied_index = index

    def install(self, snapshot: RaftSnapshot) -> None:
        """Install the leader's snapshot, unless this node has committed as much (Raft §7)."""
        if snapshot.last_index <= self.commit_index:
            return
        self._begin_at(snapshot)
        self.commit_index = self.applied_index = snapshot.last_index
        self.emit(Restore(snapshot))
        self.note("snapshot_installed", index=snapshot.last_index, bytes=len(snapshot.data))

    def _begin_at(self, snapshot: RaftSnapshot) -> None:
        base = (snapshot.last_index, Configuration.of(snapshot.configuration))
        self.log.restore(snapshot.last_index, snapshot.last_term)
        self.snapshot = snapshot
        kept = self.log.all_entries()
        self._configurations = [base, *_configurations_in(kept)]
        self.emit(SaveSnapshot(snapshot, kept))

    # Term, vote and role.

    @property
    def role(self) -> Role:
        """The role of this member; `change_role` alone changes it."""
        return self._role

    def enter_term(self, term: int, *, voted_for: str) -> None:
        """Enter a term, or record the vote in it."""
        if (term, voted_for) != (self.term, self.voted_for):
            self.term, self.voted_for = term, voted_for
            self.emit(SaveHardState(RaftHardState(term=term, voted_for=voted_for)))

    def change_role(self, event: RoleEvent, *, leader: str = "", why: str = "") -> None:
        """Make the transition of `event`, and remember which leader is known now.

        Raises:
            ImpossibleTransitionError: this role has no such transition; nothing has changed.
        """
        transition = next_role(self._role, event)
        if (transition.target, leader) != (self._role, self.leader):
            self._role, self.leader = transition.target, leader
            self.emit(RoleChanged(self._role, self.term, leader, why or transition.why))

    # Effects.

    def emit(self, effect: Effect) -> None:
        """Add an effect."""
        self._effects.append(effect)

    def send(self, node: str, message: Message) -> None:
        """Add a message to another node."""
        self.emit(SendTo(node, message))

    def note(self, event: str, *, level: str = "info", **fields: object) -> None:
        """Add a log event."""
        self.emit(Note(event, fields, level))

    def take_effects(self) -> list[Effect]:
        """Return the effects since the last call."""
        effects, self._effects = self._effects, []
        return effects


def _configurations_in(entries: Sequence[RaftEntry]) -> list[tuple[int, Configuration]]:
    return [
        (entry.index, Configuration.decode(entry.data))
        for entry in entries
        if entry.kind == "configuration"
    ]
