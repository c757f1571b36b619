"""The Raft journal: all durable state of a node, as one append-only file (Raft §5.1).

All changes of one batch make one record, so a crash keeps all of them or none.  A snapshot is not
appended: a new file replaces the old one, without the entries that the snapshot covers.  Fields are
written by name, so that a field with a default can be added later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgpack

from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Save, SaveEntries, SaveHardState, SaveIdentity, SaveSnapshot
from constellation.raft.journal_records import (
    JournalEnd,
    JournalError,
    RecordReader,
    encode_file_header,
    encode_record,
)
from constellation.raft.journal_state import Draft, JournalState
from constellation.value import Value
from constellation.wire import fields_of
from messages.raft import RaftEntry, RaftHardState, RaftIdentity, RaftSnapshot

_ENTRIES_BYTES = 1 << 20  # of data in one record of a new file


class Replayed(Value):
    """The content of a journal."""

    state: JournalState
    end: JournalEnd  # anything after it in the file must be cut
    torn_bytes: int


def encode_changes(changes: Sequence[Save], end: JournalEnd) -> tuple[bytes, JournalEnd]:
    """Return one record with these changes, to be written at `end`, and the new end.

    Raises:
        JournalLimitError: they are too large for one record.
    """
    return encode_record(_packed(changes), end)


def encode_file(state: JournalState | Draft, salt: bytes) -> tuple[bytes, JournalEnd]:
    """Return a whole file that holds `state`, and its end.

    Args:
        state: the content of the file.
        salt: random bytes, unique to each file, that distinguish its records from an older file's.

    Raises:
        JournalLimitError: the snapshot is too large for one record.
    """
    end = JournalEnd.of_empty(salt)
    records = []
    for changes in _as_changes(state):
        record, end = encode_record(_packed(changes), end)
        records.append(record)
    return b"".join([encode_file_header(salt, end.offset), *records]), end


def replay(data: bytes) -> Replayed:
    """Return the content of a whole file.

    Raises:
        JournalError: it is not a journal, or synced data is damaged or invalid.
    """
    reader = RecordReader(data)
    state = JournalState()
    for offset, payload in reader:
        try:
            state.commit(state.prepare(_unpacked(payload)))
        except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
            # The checksum is right, so another version, or a bug, has written this.
            why = f"this version of the agent cannot interpret a record: {error}"
            raise JournalError(offset, f"{why:.400}") from error
    return Replayed(state, reader.end, reader.torn_bytes)


def disk_of(state: JournalState, *, torn_bytes: int) -> RaftDisk:
    """Return an immutable copy of `state`."""
    return RaftDisk(
        state.identity, state.hard_state, state.snapshot, tuple(state.entries), torn_bytes
    )


def _as_changes(state: JournalState | Draft) -> Iterator[list[Save]]:
    head: list[Save] = [SaveIdentity(state.identity), SaveHardState(state.hard_state)]
    if state.snapshot:
        head.append(SaveSnapshot(state.snapshot, ()))
    yield head
    group: list[RaftEntry] = []
    size_bytes = 0
    for entry in state.entries:
        group.append(entry)
        size_bytes += len(entry.data)
        if size_bytes >= _ENTRIES_BYTES or len(group) >= 4096:
            yield [SaveEntries(tuple(group))]
            group, size_bytes = [], 0
    if group:
        yield [SaveEntries(tuple(group))]


def _packed(changes: Sequence[Save]) -> bytes:
    fields = [_fields(change) for change in changes]
    return cast("bytes", msgpack.packb(fields, default=fields_of))


def _fields(change: Save) -> list[Any]:
    match change:
        case SaveIdentity(identity):
            return ["identity", identity]
        case SaveHardState(state):
            return ["hard_state", state]
        case SaveEntries(entries):
            return ["entries", entries]
        case SaveSnapshot(snapshot, entries):
            return ["snapshot", snapshot, entries]


def _unpacked(payload: bytes) -> list[Save]:
    return [_change(*fields) for fields in msgpack.unpackb(payload, use_list=False)]


def _change(kind: str, fields: Any, more: Any = ()) -> Save:
    match kind:
        case "identity":
            return SaveIdentity(RaftIdentity.model_validate(fields))
        case "hard_state":
            return SaveHardState(RaftHardState.model_validate(fields))
        case "entries":
            return SaveEntries(tuple(RaftEntry.model_validate(one) for one in fields))
        case "snapshot":
            entries = tuple(RaftEntry.model_validate(one) for one in more)
            return SaveSnapshot(RaftSnapshot.model_validate(fields), entries)
        case _:
            raise ValueError(f"unknown kind {kind!r:.40}")
