"""After any failure of the disk, what was answered for is there, or the node refuses to serve."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from actors.adapters.raft_store import DiskFullError, RaftStore
from constellation.errors import AdapterError
from constellation.raft.effects import SaveEntries, SaveSnapshot
from constellation.raft.journal_records import SECTOR_BYTES
from messages.raft import RaftEntry
from tests.raft.saving_process import entry, last_index, snapshot_at
from tests.raft.stores import (
    INPUT_OUTPUT,
    NO_SPACE,
    TERM_1,
    KilledError,
    failing_once,
    reopened,
    saved,
)

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.scenario(9)
@pytest.mark.parametrize("lost_bytes", [1, 30, 100])
def test_a_torn_record_is_cut_and_counted(
    store: RaftStore, directory: Path, lost_bytes: int
) -> None:
    before, size_bytes = store.disk, store.size_bytes
    store.save([saved(3, 40)])
    os.truncate(directory / "journal", store.size_bytes - lost_bytes)
    torn_bytes = store.size_bytes - lost_bytes - size_bytes

    with_next = reopened(store)

    assert with_next.disk.entries == before.entries
    assert with_next.disk.torn_bytes == torn_bytes
    assert (directory / "journal").stat().st_size == size_bytes
    with_next.save([saved(3, 5)])
    again = reopened(with_next)
    assert (last_index(again), again.disk.torn_bytes) == (5, 0)
    again.close()


@pytest.mark.scenario(9)
def test_a_sector_that_was_never_written_is_a_torn_record(
    store: RaftStore, directory: Path
) -> None:
    before, size_bytes = store.disk, store.size_bytes
    store.save([SaveEntries((RaftEntry(index=3, term=1, data=bytes(9) * 400),))])
    with (directory / "journal").open("r+b") as file:
        file.seek((size_bytes // SECTOR_BYTES + 2) * SECTOR_BYTES)
        file.write(bytes(SECTOR_BYTES))

    with_next = reopened(store)

    assert with_next.disk.entries == before.entries
    assert with_next.disk.torn_bytes > 3600
    with_next.close()


@pytest.mark.scenario(9)
@pytest.mark.parametrize("place", ["header of the file", "middle", "last record"])
def test_a_flipped_bit_is_refused_and_the_file_left_alone(
    store: RaftStore, directory: Path, place: str
) -> None:
    journal = directory / "journal"
    store.save([saved(3, 3)])
    at = {"header of the file": 9, "middle": store.size_bytes // 2}.get(place, store.size_bytes - 9)
    content = bytearray(journal.read_bytes())
    content[at] ^= 4
    journal.write_bytes(content)

    with pytest.raises(AdapterError) as caught:
        reopened(store)

    for words in (
        str(journal),
        "at byte ",
        "it joins as a new node",
        str(directory),
        "move the file away",
    ):
        assert words in str(caught.value)
    assert journal.read_bytes() == content
    content[at] ^= 4
    journal.write_bytes(content)
    with_next = RaftStore.open(directory)
    assert last_index(with_next) == 3
    with_next.close()


@pytest.mark.scenario(9)
def test_after_a_failed_sync_nothing_more_is_saved(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_once(monkeypatch, "fdatasync", INPUT_OUTPUT)
    with pytest.raises(AdapterError, match="Input/output error"):
        store.save([saved(3, 3)])

    size_bytes = store._path.stat().st_size
    for _ in range(2):
        with pytest.raises(AdapterError, match="cannot be written: Input/output error"):
            store.save([saved(3, 3)])
    assert store._path.stat().st_size == size_bytes
    with_next = reopened(store)
    assert last_index(with_next) in (2, 3)
    with_next.close()


@pytest.mark.scenario(9)
def test_a_record_half_written_on_a_failing_disk_is_cut_in_the_next_life(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_once(monkeypatch, "pwrite", INPUT_OUTPUT)
    with pytest.raises(AdapterError):
        store.save([saved(3, 90)])
    with pytest.raises(AdapterError):
        store.save([saved(3, 3)])

    with_next = reopened(store)

    assert last_index(with_next) == 2
    assert with_next.disk.torn_bytes > 0
    with_next.close()


def test_after_a_save_that_was_interrupted_nothing_more_is_saved(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_once(monkeypatch, "pwrite", KilledError())
    with pytest.raises(KilledError):
        store.save([saved(3, 90)])

    with pytest.raises(AdapterError, match="interrupted"):
        store.save([saved(3, 3)])
    with_next = reopened(store)
    assert last_index(with_next) == 2
    with_next.close()


@pytest.mark.scenario(9)
@pytest.mark.parametrize("is_snapshot", [False, True], ids=["append", "new file"])
def test_full_disk_loses_nothing_and_the_store_stays_usable(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch, is_snapshot: bool
) -> None:
    save = SaveSnapshot(snapshot_at(2), saved(3, 9).entries) if is_snapshot else saved(3, 9)
    before, size_bytes = store.disk, store.size_bytes
    failing_once(monkeypatch, "pwrite", NO_SPACE)
    with pytest.raises(DiskFullError, match="free space"):
        store.save([save])

    assert (store.disk, store.size_bytes) == (before, size_bytes)
    assert {path.name for path in store._path.parent.iterdir()} == {"journal", "lock"}
    store.save([save])
    with_next = reopened(store)
    assert last_index(with_next) == 9
    with_next.close()


def test_a_full_disk_that_cannot_be_cut_back_is_the_end(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_once(monkeypatch, "pwrite", NO_SPACE)
    failing_once(monkeypatch, "ftruncate", INPUT_OUTPUT)
    with pytest.raises(AdapterError, match="Input/output"):
        store.save([saved(3, 90)])

    with pytest.raises(AdapterError, match="Input/output"):
        store.save([saved(3, 3)])
    with_next = reopened(store)
    assert last_index(with_next) == 2
    with_next.close()


def test_a_disk_without_space_for_room_saves_the_record_alone(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save([SaveSnapshot(snapshot_at(2), ())])  # the new file has no room yet
    failing_once(monkeypatch, "pwrite", NO_SPACE)
    store.save([saved(3, 3)])

    assert store._path.stat().st_size == store.size_bytes
    store.save([saved(4, 4)])
    assert store._path.stat().st_size == store.size_bytes, "it tries no more to make room"
    with_next = reopened(store)
    assert last_index(with_next) == 4
    with_next.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def saved_until_full(store: RaftStore) -> int:
    """Return the index of the last entry for which there was room."""
    for index in range(1, 1000):
        try:
            store.save([saved(index, index)])
        except DiskFullError:
            return index - 1
    raise AssertionError("there is no end to this disk")


@pytest.mark.scenario(9)
@pytest.mark.integration
@pytest.mark.needs("mount")
def test_a_disk_that_is_really_full_can_be_given_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(16 << 10))
    store = RaftStore.open(small_disk / "raft")
    store.save([TERM_1])
    last = saved_until_full(store)
    with pytest.raises(DiskFullError, match="No space left"):
        store.save([SaveSnapshot(snapshot_at(last), ())])

    assert last > 10
    store = reopened(store)  # on a full disk too
    assert store.disk.entries == saved(1, last).entries
    assert store.disk.torn_bytes == 0
    ballast.unlink()
    store.save([saved(last + 1, last + 1)])
    store.save([SaveSnapshot(snapshot_at(last), saved(last + 1, last + 1).entries)])
    store = reopened(store)
    assert last_index(store) == last + 1
    store.close()


@pytest.mark.parametrize(
    ("name", "is_new"),
    [("pwrite", False), ("fsync", False), ("replace", False), ("the directory", True)],
)
def test_kill_at_any_point_of_a_replacement_leaves_the_old_or_the_new_file(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch, name: str, is_new: bool
) -> None:
    journal_new = store._path.with_name("journal.new")

    def killed(*_: object) -> None:
        raise KilledError

    if name == "replace":
        monkeypatch.setattr(Path, "replace", killed)
    elif name == "the directory":
        monkeypatch.setattr("actors.adapters.raft_store.sync_directory", killed)
    else:
        failing_once(monkeypatch, name, KilledError())
    with pytest.raises(KilledError):
        store.save([SaveSnapshot(snapshot_at(2), saved(3, 9).entries)])
    monkeypatch.undo()

    assert journal_new.exists() is not is_new
    with_next = reopened(store)
    assert last_index(with_next) == (9 if is_new else 2)
    assert not journal_new.exists()
    with_next.close()


def test_a_new_file_that_cannot_be_synced_is_the_end(
    store: RaftStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_once(monkeypatch, "fsync", INPUT_OUTPUT)
    with pytest.raises(AdapterError, match="cannot be replaced"):
        store.save([SaveSnapshot(snapshot_at(2), ())])

    with pytest.raises(AdapterError, match="cannot be replaced"):
        store.save([saved(3, 3)])
    with_next = reopened(store)
    assert last_index(with_next) == 2
    with_next.close()


def saving(directory: Path, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.raft.saving_process", str(directory), str(seed)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.scenario(9)
def test_all_that_was_answered_for_survives_being_killed_again_and_again(directory: Path) -> None:
    random = Random(5)
    for life in range(5):
        with saving(directory, life) as process:
            assert process.stdout is not None
            answered = [int(process.stdout.readline()) for _ in range(random.randrange(1, 120))]
            with pytest.raises(AdapterError, match=f"process {process.pid} has it open"):
                RaftStore.open(directory)
            process.kill()
            answered += [int(line) for line in process.stdout]

        store = RaftStore.open(directory)
        disk = store.disk
        assert last_index(store) >= answered[-1]
        assert all(one == entry(one.index) for one in disk.entries)
        assert disk.snapshot is None or disk.snapshot == snapshot_at(disk.snapshot.last_index)
        assert disk.hard_state == TERM_1.state
        store.close()
