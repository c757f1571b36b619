"""The replicated log in memory: what follows the last snapshot, and the rules of Raft §5.3.

Invariants: indexes are consecutive from `snapshot_index` + 1; terms never
decrease; a committed entry is never cut.  The shell makes entries durable before it performs any
effect that follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from messages.raft import RaftEntry


class LogCompactedError(Exception):
    """The requested entry is part of the snapshot: send the snapshot instead."""


class RaftLog:
    """Entries after the snapshot.  Index 0 with term 0 stands before the first one."""

    def __init__(
        self,
        entries: Sequence[RaftEntry] = (),
        *,
        snapshot_index: int = 0,
        snapshot_term: int = 0,
    ) -> None:
        """Take what was durable.

        Raises:
            ValueError: the entries do not follow one another, or not the snapshot.
        """
        self._entries: list[RaftEntry] = []
        self.snapshot_index = snapshot_index
        self.snapshot_term = snapshot_term
        self.append(entries)

    @property
    def last_index(self) -> int:
        """The index of the last entry, or of the snapshot if there is none."""
        return self.snapshot_index + len(self._entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry, or of the snapshot if there is none."""
        return self._entries[-1].term if self._entries else self.snapshot_term

    def term_at(self, index: int) -> int | None:
        """Return the term of an entry; None if this log does not hold it."""
        if index == self.snapshot_index:
            return self.snapshot_term
        if self.snapshot_index < index <= self.last_index:
            return self._at(index).term
        return None

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Return whether a log with this end is at least as complete as this one (Raft §5.4.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def matches(self, index: int, term: int) -> bool:
        """Return whether this log holds the entry that precedes new ones (Raft §5.3).

        Entries in the snapshot are committed, so they match any leader's log.
        """
        return index <= self.snapshot_index or self.term_at(index) == term

    def entries_from(self, index: int, *, bytes_max: int, count_max: int) -> tuple[RaftEntry, ...]:
        """Return entries from `index` on within the limits, but at least one if any exists.

        Raises:
            LogCompactedError: `index` is in the snapshot.
        """
        if index <= self.snapshot_index:
            raise LogCompactedError(f"entry {index} is in the snapshot at {self.snapshot_index}")
        chosen: list[RaftEntry] = []
        size_bytes = 0
        start = index - self.snapshot_index - 1
        for entry in self._entries[start : start + count_max]:
            size_bytes += len(entry.data)
            if chosen and size_bytes > bytes_max:
                break
            chosen.append(entry)
        return tuple(chosen)

    def all_entries(self) -> tuple[RaftEntry, ...]:
        """Return all entries after the snapshot."""
        return tuple(self._entries)

    def append(self, entries: Sequence[RaftEntry]) -> None:
        """Append entries.

        Raises:
            ValueError: they do not follow the last one; nothing has changed then.
        """
        self.check_order(entries, after=self.last_index)
        self._entries += entries

    def check_order(self, entries: Sequence[RaftEntry], *, after: int) -> None:
        """Check that entries may follow the one at `after`.

        Raises:
            ValueError: they do not.
        """
        index, term = after, self.term_at(after) or 0
        for entry in entries:
            if entry.index != index + 1 or entry.term < term:
                raise ValueError(
                    f"entry {entry.index} of term {entry.term} cannot follow {index} of term {term}"
                )
            index, term = entry.index, entry.term

    def news_in(self, entries: Sequence[RaftEntry]) -> tuple[RaftEntry, ...]:
        """Return the part of a leader's entries that is new: all from the first conflict on.

        Matching entries are not cut, because a delayed request may hold fewer entries than a
        later one has already brought (Raft §5.3, rule 3 of AppendEntries).
        """
        for position, entry in enumerate(entries):
            if entry.index > self.snapshot_index and self.term_at(entry.index) != entry.term:
                return tuple(entries[position:])
        return ()

    def cut_from(self, index: int, *, commit_index: int) -> int:
        """Drop the entries from `index` on; return how many.

        Raises:
            ValueError: one of them is committed, so some node has violated the protocol.
        """
        if index <= max(commit_index, self.snapshot_index):
            raise ValueError(f"entry {index} is committed (up to {commit_index}) and cannot be cut")
        kept = max(0, index - self.snapshot_index - 1)
        cut = self._entries[kept:]
        del self._entries[kept:]
        return len(cut)

    def back_off_hint(self, index: int) -> tuple[int, int]:
        """Return where a leader may continue when `index` does not match: an index and its term.

        The follower's last entry if the log is too short; else the last one of an earlier term
        than that at `index`, because no entry of a conflicting term can be the leader's
        (Raft §5.3, the optimization at its end).
        """
        if index > self.last_index:
            return self.last_index, self.last_term
        conflicting = self.term_at(index)
        at = index
        while at > self.snapshot_index and self.term_at(at) == conflicting:
            at -= 1
        return at, self.term_at(at) or 0

    def last_index_up_to(self, index: int, term: int) -> int:
        """Return the last index up to `index` of a term up to `term`: the leader's back-off."""
        at = min(index, self.last_index)
        while at > self.snapshot_index and (self.term_at(at) or 0) > term:
            at -= 1
        return at

    def compact(self, index: int) -> None:
        """Drop the entries up to `index`, which a snapshot replaces.

        Raises:
            ValueError: there is no such entry.
        """
        term = self.term_at(index)
        if term is None:
            raise ValueError(f"there is no entry {index}: {self.snapshot_index}-{self.last_index}")
        del self._entries[: index - self.snapshot_index]
        self.snapshot_index, self.snapshot_term = index, term

    def restore(self, index: int, term: int) -> None:
        """Restart the log after a snapshot from the leader.

        Entries after it are kept if the log holds the snapshot's last entry (Raft §7, rule 6).
        """
        if self.term_at(index) == term:
            self.compact(index)
            return
        self._entries.clear()
        self.snapshot_index, self.snapshot_term = index, term

    def _at(self, index: int) -> RaftEntry:
        return self._entries[index - self.snapshot_index - 1]
