"""Raft's durable state, in `data_dir/raft`.  Calls block: the Raft actor waits for its disk.

`journal` is the file of `constellation.raft.journal`; `journal.new` is an unfinished one; `lock` is
locked by the only process that may write.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from actors.adapters.durable_file import (
    FULL_ERRNOS,
    disk_error,
    sync_directory,
    write_all,
    write_synced,
)
from constellation.errors import AdapterError
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Save, SaveSnapshot
from constellation.raft.journal import disk_of, encode_changes, encode_file, replay
from constellation.raft.journal_records import SALT_BYTES, JournalEnd, JournalError
from constellation.raft.journal_state import Draft, JournalState

FILE_NAME = "journal"
LOCK_NAME = "lock"
# Zeros that are written ahead of the records.  A record that replaces zeros changes nothing that
# the file system keeps of the file, so its sync does not wait for the file system's own journal.
ROOM_BYTES = 1 << 18
_FIX_REOPEN = (
    "check that this user may write there, and look for disk errors in the kernel's log; then "
    "restart the agent"
)
_FIX_DAMAGED = (
    "stop this agent, move the file away, delete {directory} and start again: it joins as a new "
    "node.  If no other node has the log, the lease holders are lost, and nothing else"
)
_FIX_NEWER = "run the version that wrote it, or a later one"


class DiskFullError(AdapterError):
    """The disk is full, and nothing was saved.  The same may be saved again later."""


class RaftStore:
    """The only owner of the files of one node."""

    def __init__(self, directory: Path, lock: int) -> None:
        self._path = directory / FILE_NAME
        self._lock = lock
        self._file = -1
        self._room_end = 0  # up to there the file has zeros after its records
        self._makes_room = True  # False: the disk had none for it; until the file is replaced
        self._broken_why = ""
        self._state = JournalState()
        self._end = JournalEnd.of_empty(bytes(SALT_BYTES))
        self._torn_bytes = 0

    @classmethod
    def open(cls, directory: Path) -> RaftStore:
        """Open `directory`, created if it does not exist, and read what is durable.

        A torn record at the end is cut; `disk.torn_bytes` is its size.

        Raises:
            AdapterError: another process has opened it, its disk fails, or the journal is damaged.
                The journal is unchanged.
        """
        try:
            store = cls(directory, _locked(directory))
        except OSError as error:
            raise disk_error(f"Raft log in {directory}", error, directory) from error
        try:
            store._load()
        except BaseException:
            store.close()
            raise
        return store

    @property
    def disk(self) -> RaftDisk:
        """What is durable now."""
        return disk_of(self._state, torn_bytes=self._torn_bytes)

    @property
    def size_bytes(self) -> int:
        """The size of the journal.  A snapshot makes it small again."""
        return self._end.offset

    def save(self, saves: Sequence[Save]) -> None:
        """Make all of it durable, in this order; after a crash either all of it exists or nothing.

        Raises:
            DiskFullError: nothing was saved.  It is safe to repeat.
            AdapterError: it is unknown what was saved, and this store saves nothing more: close it.
            ChangeRefusedError: it violates an invariant of Raft.  Nothing was saved.
            JournalLimitError: it is too large for one record.  Nothing was saved.
        """
        if self._broken_why:
            raise AdapterError(str(self._path), why=self._broken_why, fix=_FIX_REOPEN)
        if not saves:
            return
        draft = self._state.prepare(saves)
        if any(isinstance(save, SaveSnapshot) for save in saves):
            self._replace(draft)
        else:
            record, end = encode_changes(saves, self._end)
            self._append(record)
            self._end = end
        self._state.commit(draft)

    def close(self) -> None:
        """Release the files.  Nothing can be saved afterwards.  Idempotent."""
        self._broken_why = self._broken_why or "it is closed"
        with contextlib.suppress(OSError):
            if self._file >= 0:
                os.close(self._file)
        with contextlib.suppress(OSError):
            if self._lock >= 0:
                # Forked children hold it too: closing it here would not release the lock.
                fcntl.flock(self._lock, fcntl.LOCK_UN)
                os.close(self._lock)
        self._file = self._lock = -1

    def _load(self) -> None:
        """Read the journal, or create one.

        Raises:
            AdapterError: it cannot be read, or must not be used.
        """
        with self._breaking("cannot be opened"):
            self._new_path.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        if self._file < 0:
            self._replace(self._state)
            return
        with self._breaking("cannot be read"):
            sync_directory(self._path.parent)  # The rename of a new file may not be durable yet.
            data = _read_from_disk(self._file)
        try:
            replayed = replay(data)
        except JournalError as error:
            fix = _FIX_NEWER if error.is_newer else _FIX_DAMAGED.format(directory=self._path.parent)
            raise AdapterError(str(self._path), why=str(error), fix=fix) from error
        self._state, self._end = replayed.state, replayed.end
        self._torn_bytes = replayed.torn_bytes
        if not self._torn_bytes:
            self._room_end = len(data)  # what follows the records is all zeros
            return
        with self._breaking("cannot be cut"):
            self._cut_to_end()

    @property
    def _new_path(self) -> Path:
        return self._path.with_name(f"{FILE_NAME}.new")

    def _append(self, record: bytes) -> None:
        """Append and sync.

        Raises:
            DiskFullError: the file is unchanged.
            AdapterError: the state of the file is unknown.
        """
        with self._breaking("cannot be written"):
            try:
                self._write(record)
            except OSError as error:
                if error.errno not in FULL_ERRNOS:
                    raise
                self._cut_to_end()
                raise self._disk_full(error) from error
            # After a failed sync the kernel may count unwritten pages as written: never retry it.
            os.fdatasync(self._file)

    def _write(self, record: bytes) -> None:
        """Write at the end of the records; more room after it, if there is too little."""
        at, end = self._end.offset, self._end.offset + len(record)
        if end > self._room_end and self._makes_room:
            try:
                write_all(self._file, record + bytes(ROOM_BYTES), at)
            except OSError as error:
                if error.errno not in FULL_ERRNOS:
                    raise
                os.ftruncate(self._file, at)  # there may be space for the record alone
                self._makes_room, self._room_end = False, at
            else:
                self._room_end = end + ROOM_BYTES
                return
        write_all(self._file, record, at)

    def _disk_full(self, error: OSError) -> DiskFullError:
        full = disk_error(str(self._path), error, self._path)
        return DiskFullError(full.what, why=full.why, fix=full.fix)

    def _cut_to_end(self) -> None:
        os.ftruncate(self._file, self._end.offset)
        os.fsync(self._file)
        self._room_end = self._end.offset

    def _replace(self, state: JournalState | Draft) -> None:
        """Replace the journal by a file that holds `state`.

        Raises:
            DiskFullError: the journal is unchanged.
            AdapterError: it is unknown which of the two files is the journal.
        """
        data, end = encode_file(state, os.urandom(SALT_BYTES))
        with self._breaking("cannot be replaced"):
            try:
                file = write_synced(self._new_path, data)
            except OSError as error:
                if error.errno not in FULL_ERRNOS:
                    raise
                raise self._disk_full(error) from error
            old, self._file = self._file, file
            if old >= 0:
                os.close(old)
            self._new_path.replace(self._path)
            sync_directory(self._path.parent)
        self._end = end
        self._room_end, self._makes_room = end.offset, True

    @contextlib.contextmanager
    def _breaking(self, what: str) -> Iterator[None]:
        """Let any failure disable this store: the content of the disk is unknown."""
        try:
            yield
        except DiskFullError:
            raise
        except OSError as error:
            self._broken_why = f"it {what}: {_why(error)}"
            raise AdapterError(str(self._path), why=self._broken_why, fix=_FIX_REOPEN) from error
        except BaseException:
            self._broken_why = f"it {what}: that was interrupted"
            raise


def _locked(directory: Path) -> int:
    """Return the lock, which is held until it is closed.

    Raises:
        AdapterError: another process holds it.
        OSError: the directory cannot be created or written.
    """
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        sync_directory(directory.parent)
    lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 16, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise AdapterError(
            f"Raft log in {directory}",
            why=f"process {owner or '(unknown)'} has it open",
            fix="stop that agent, or give this one a data_dir of its own",
        ) from None
    with contextlib.suppress(OSError):  # For people only: a full disk is no reason to stop.
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def _read_from_disk(file: int) -> bytes:
    # After a failed sync the page cache may differ from the disk.  Drop the cached pages, so that
    # the disk itself is read.
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    with os.fdopen(os.dup(file), "rb") as reader:
        return reader.read()


def _why(error: OSError) -> str:
    return error.strerror or str(error)
