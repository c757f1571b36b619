"""Journals in memory, and short words for what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Save, SaveEntries, SaveHardState
from constellation.raft.journal import disk_of, encode_changes, encode_file, replay
from constellation.raft.journal_records import (
    SALT_BYTES,
    JournalEnd,
)
from constellation.raft.journal_state import JournalState
from messages.raft import RaftConfiguration, RaftEntry, RaftHardState, RaftSnapshot

SALT = bytes(range(1, SALT_BYTES + 1))
SNAPSHOT = RaftSnapshot(
    last_index=7,
    last_term=2,
    configuration=RaftConfiguration(voters=("a", "b"), learners=("c",)),
    data=b"\0" * 2000,
)


def hard(term: int, voted_for: str = "") -> SaveHardState:
    return SaveHardState(RaftHardState(term=term, voted_for=voted_for))


def entries(*terms: int, after: int = 0, data: bytes = b"") -> SaveEntries:
    return SaveEntries(
        tuple(RaftEntry(index=after + n, term=term, data=data) for n, term in enumerate(terms, 1))
    )


def state_of(*steps: Sequence[Save]) -> JournalState:
    state = JournalState()
    for changes in steps:
        state.commit(state.prepare(changes))
    return state


class Journal:
    """A file in memory: it begins whole, then grows by a record for each step."""

    def __init__(self, *steps: Sequence[Save], start: JournalState | None = None) -> None:
        self.state = start or JournalState()
        self.data, self.end = encode_file(self.state, SALT)
        self.starts: list[int] = []
        for changes in steps:
            self.add(changes)

    def add(self, changes: Sequence[Save]) -> None:
        self.state.commit(self.state.prepare(changes))
        record, self.end = encode_changes(changes, JournalEnd(SALT, *self._place()))
        self.starts.append(len(self.data))
        self.data += record

    def _place(self) -> tuple[int, int]:
        return self.end.offset, self.end.crc


def disk(data: bytes) -> RaftDisk:
    replayed = replay(data)
    return disk_of(replayed.state, torn_bytes=0)
