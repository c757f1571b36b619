"""The content of a journal, change by change, and its invariants (Raft §5.1, §5.3).

Invariants: entries are consecutive from the snapshot on; terms never decrease from one entry to the
next, and none is above the node's own term; that term never decreases; a vote in it never changes,
nor does the cluster that a node belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from constellation.raft.effects import (
    Save,
    SaveEntries,
    SaveHardState,
    SaveIdentity,
    SaveSnapshot,
)
from messages.raft import RaftEntry, RaftHardState, RaftIdentity, RaftSnapshot


class ChangeRefusedError(ValueError):
    """A change violates an invariant: a bug, here or in the program that wrote the journal."""


class JournalState:
    """All that is durable of one node."""

    def __init__(self) -> None:
        self.identity = RaftIdentity()
        self.hard_state = RaftHardState(term=0)
        self.snapshot: RaftSnapshot | None = None
        self.entries: list[RaftEntry] = []

    def prepare(self, changes: Sequence[Save]) -> Draft:
        """Return the state after these changes, in this order.  Nothing changes yet.

        Raises:
            ChangeRefusedError: one of them violates an invariant.
        """
        draft = Draft(
            base=self.entries,
            kept=len(self.entries),
            added=[],
            identity=self.identity,
            hard_state=self.hard_state,
            snapshot=self.snapshot,
        )
        for change in changes:
            draft.apply(change)
        draft.check_own_term()
        return draft

    def commit(self, draft: Draft) -> None:
        """Adopt a prepared draft; nothing else may have been committed since."""
        self.identity, self.hard_state = draft.identity, draft.hard_state
        self.snapshot = draft.snapshot
        del self.entries[draft.kept :]
        self.entries += draft.added


@dataclass(slots=True)
class Draft:
    """A prepared state: the first `kept` of the entries in `base`, then `added`."""

    base: list[RaftEntry]
    kept: int
    added: list[RaftEntry]
    identity: RaftIdentity
    hard_state: RaftHardState
    snapshot: RaftSnapshot | None

    @property
    def entries(self) -> list[RaftEntry]:
        """All entries after the snapshot."""
        return [*self.base[: self.kept], *self.added]

    def apply(self, change: Save) -> None:
        """Apply one change.

        Raises:
            ChangeRefusedError: it violates an invariant.
        """
        match change:
            case SaveIdentity(identity):
                known = self.identity.cluster_id
                if known not in ("", identity.cluster_id):
                    raise ChangeRefusedError(f"a node of cluster {known} cannot change its cluster")
                self.identity = identity
            case SaveHardState(state):
                self._take_hard_state(state)
            case SaveEntries(entries):
                self._take_entries(entries)
            case SaveSnapshot(snapshot, entries):
                if snapshot.last_index < self._snapshot_index:
                    raise ChangeRefusedError(
                        f"a snapshot at {snapshot.last_index} cannot follow {self._snapshot_index}"
                    )
                self.snapshot, self.kept, self.added = snapshot, 0, []
                self._take_entries(entries)

    def check_own_term(self) -> None:
        """Compare the log with the node's term.

        Raises:
            ChangeRefusedError: the term was forgotten, and with it perhaps a vote.
        """
        last_term = self._term_before(self._last_index + 1)
        if last_term > self.hard_state.term:
            raise ChangeRefusedError(
                f"the log is of term {last_term}, the node of term {self.hard_state.term}"
            )

    def _take_hard_state(self, new: RaftHardState) -> None:
        old = self.hard_state
        if new.term < old.term:
            raise ChangeRefusedError(f"term {new.term} cannot follow {old.term}")
        if new.term == old.term and old.voted_for not in ("", new.voted_for):
            raise ChangeRefusedError(f"the vote of term {new.term} is {old.voted_for}'s already")
        self.hard_state = new

    def _take_entries(self, entries: Sequence[RaftEntry]) -> None:
        if not entries:
            return
        first = entries[0].index
        if not self._snapshot_index < first <= self._last_index + 1:
            raise ChangeRefusedError(
                f"entry {first} cannot follow {self._snapshot_index} to {self._last_index}"
            )
        index, term = first - 1, self._term_before(first)
        for entry in entries:
            if entry.index != index + 1 or entry.term < term:
                raise ChangeRefusedError(
                    f"entry {entry.index} of term {entry.term} cannot follow {index} of term {term}"
                )
            index, term = entry.index, entry.term
        before = first - 1 - self._snapshot_index
        self.kept, old = min(self.kept, before), self.kept
        del self.added[max(0, before - old) :]
        self.added += entries

    @property
    def _snapshot_index(self) -> int:
        return self.snapshot.last_index if self.snapshot else 0

    @property
    def _last_index(self) -> int:
        return self._snapshot_index + self.kept + len(self.added)

    def _term_before(self, index: int) -> int:
        at = index - 2 - self._snapshot_index
        if at < 0:
            return self.snapshot.last_term if self.snapshot else 0
        entry = self.base[at] if at < self.kept else self.added[at - self.kept]
        return entry.term
