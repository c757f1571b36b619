"""The files of Raft: one owner, one sync for a batch, and short again after a snapshot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.adapters.raft_store import ROOM_BYTES, RaftStore
from constellation.errors import AdapterError
from constellation.raft.effects import SaveEntries, SaveHardState, SaveSnapshot
from constellation.raft.journal_state import ChangeRefusedError
from messages.raft import RaftEntry, RaftHardState
from tests.raft.saving_process import entry, last_index, snapshot_at
from tests.raft.stores import (
    TERM_1,
    reopened,
    saved,
)


def test_saved_state_exists_after_a_restart(store: RaftStore) -> None:
    store.save([SaveHardState(RaftHardState(term=2)), saved(2, 4)])
    before = store.disk

    with_next = reopened(store)

    assert with_next.disk == before
    assert before.identity.cluster_id == "one"
    assert before.hard_state == RaftHardState(term=2)
    assert before.entries == tuple(entry(index) for index in range(1, 5))
    with_next.close()


def test_only_this_user_may_read_it(store: RaftStore, directory: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}

    assert modes == {"journal": 0o600, "lock": 0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_batch_is_one_write_and_one_sync(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("pwrite", "fdatasync", "fsync"):
        real = getattr(os, name)

        def call(*arguments: int, _name: str = name, _real: object = real) -> object:
            calls.append(_name)
            return _real(*arguments)  # type: ignore[operator]  # a function of os

        monkeypatch.setattr(os, name, call)

    store.save([SaveHardState(RaftHardState(term=2)), saved(3, 9), saved(9, 12)])
    store.save([])

    assert calls == ["pwrite", "fdatasync"]


def test_a_record_replaces_zeros_that_were_written_ahead_of_it(store: RaftStore) -> None:
    store.save([saved(3, 3)])
    sizes = set()
    for index in range(4, 4 + 2 * ROOM_BYTES // 20_000):
        store.save([SaveEntries((RaftEntry(index=index, term=1, data=bytes(20_000)),))])
        status = store._path.stat()
        sizes.add(status.st_size)
        assert status.st_blocks * 512 >= status.st_size, "a hole is no room"
        assert status.st_size <= store.size_bytes + ROOM_BYTES

    assert 2 <= len(sizes) <= 4, "most records leave the size as it is"
    with_next = reopened(store)
    assert with_next.disk.torn_bytes == 0
    assert last_index(with_next) == index
    size_bytes = with_next._path.stat().st_size
    with_next.save([saved(index + 1, index + 1)])
    assert with_next._path.stat().st_size == size_bytes, "the next life uses the room that is there"
    with_next.close()


def test_zeros_that_a_crash_left_at_the_end_are_no_torn_record(store: RaftStore) -> None:
    os.truncate(store._path, store.size_bytes + 5000)

    with_next = reopened(store)

    assert with_next.disk.torn_bytes == 0
    with_next.save([saved(3, 9)])
    with_third = reopened(with_next)
    assert (with_third.disk.torn_bytes, last_index(with_third)) == (0, 9)
    with_third.close()


def test_a_snapshot_makes_the_journal_short_again(store: RaftStore, directory: Path) -> None:
    store.save([saved(3, 400)])
    long_bytes = store.size_bytes

    store.save([SaveSnapshot(snapshot_at(399), saved(400, 400).entries), saved(401, 402)])
    store.save([saved(403, 403)])

    assert store.size_bytes < long_bytes / 10
    assert sorted(path.name for path in directory.iterdir()) == ["journal", "lock"]
    before = store.disk
    with_next = reopened(store)
    assert with_next.disk == before
    assert with_next.disk.snapshot == snapshot_at(399)
    assert [one.index for one in before.entries] == [400, 401, 402, 403]
    assert before.identity.cluster_id == "one"
    assert before.hard_state == TERM_1.state
    with_next.close()


def test_what_breaks_an_invariant_is_not_written(store: RaftStore) -> None:
    size_bytes = store.size_bytes

    with pytest.raises(ChangeRefusedError):
        store.save([saved(3, 3), saved(9, 9)])

    assert store.size_bytes == size_bytes
    store.save([saved(3, 3)])


def test_second_store_in_the_same_process_is_refused(store: RaftStore, directory: Path) -> None:
    with pytest.raises(AdapterError, match=f"process {os.getpid()} has it open; stop that agent"):
        RaftStore.open(directory)

    store.close()
    RaftStore.open(directory).close()


def test_directory_that_cannot_be_created_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(AdapterError, match="Not a directory: a file is where a directory must be"):
        RaftStore.open(tmp_path / "file" / "raft")
