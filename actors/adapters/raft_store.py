"""What Raft must not forget, in `data_dir/raft`.  Blocking: call it in threads.

`journal` is the file of `constellation.raft.journal`; `journal.new` one that was not finished;
`lock` is locked by the one process that may write.
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
_FIX_REOPEN = (
    "see that this user may write there, and in the kernel's log that the disk is well; then start "
    "the agent again"
)
_FIX_DAMAGED = (
    "stop this agent, keep the file aside, delete {directory} and start again: it joins as a new "
    "node.  Where no other node has the log it is lost, and with it who holds which lease, no more"
)
_FIX_NEWER = "run the version that wrote it, or a later one"


class DiskFullError(AdapterError):
    """There was no room, and nothing was saved.  Save the same again when there is."""


class RaftStore:
    """The one owner of the files of one node."""

    def __init__(self, directory: Path, lock: int) -> None:
        self._path = directory / FILE_NAME
        self._lock = lock
        self._file = -1
        self._broken_why = ""
        self._state = JournalState()
        self._end = JournalEnd.of_empty(bytes(SALT_BYTES))
        self._torn_bytes = 0

    @classmethod
    def open(cls, directory: Path) -> RaftStore:
        """Take `directory`, which is made if it is missing, and read what is durable.

        A torn record at the end is cut; `disk.torn_bytes` says how much that was.

        Raises:
            AdapterError: another process has it, its disk fails, or the journal is damaged.
                The journal is as it was.
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
        """How long the journal is.  A snapshot makes it short again."""
        return self._end.offset

    def save(self, saves: Sequence[Save]) -> None:
        """Make all of it durable, in this order; after a crash all of it is there, or nothing.

        Raises:
            DiskFullError: nothing was saved.  It is safe to repeat.
            AdapterError: it is not known what was saved, and nothing more will be: close this.
            ChangeRefusedError: it breaks an invariant of Raft.  Nothing was saved.
            JournalLimitError: it is too much for one record.  Nothing was saved.
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
        """Let others have the files.  Nothing can be saved after.  Safe to repeat."""
        self._broken_why = self._broken_why or "it is closed"
        with contextlib.suppress(OSError):
            if self._file >= 0:
                os.close(self._file)
        with contextlib.suppress(OSError):
            if self._lock >= 0:
                # Children that were forked have it too: closing it here would not give it up.
                fcntl.flock(self._lock, fcntl.LOCK_UN)
                os.close(self._lock)
        self._file = self._lock = -1

    def _load(self) -> None:
        """Read the journal, or make one.

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
            sync_directory(self._path.parent)  # A new file may have got its name just before.
            data = _read_from_disk(self._file)
        try:
            replayed = replay(data)
        except JournalError as error:
            fix = _FIX_NEWER if error.is_newer else _FIX_DAMAGED.format(directory=self._path.parent)
            raise AdapterError(str(self._path), why=str(error), fix=fix) from error
        self._state, self._end = replayed.state, replayed.end
        self._torn_bytes = replayed.torn_bytes
        with self._breaking("cannot be cut"):
            self._cut_to_end()

    @property
    def _new_path(self) -> Path:
        return self._path.with_name(f"{FILE_NAME}.new")

    def _append(self, record: bytes) -> None:
        """Write at the end, and sync.

        Raises:
            DiskFullError: the file is as it was.
            AdapterError: it is broken.
        """
        with self._breaking("cannot be written"):
            try:
                write_all(self._file, record, self._end.offset)
            except OSError as error:
                if error.errno not in FULL_ERRNOS:
                    raise
                self._cut_to_end()
                raise self._disk_full(error) from error
            # Pages that a failed sync could not write may count as written after: no second try.
            os.fdatasync(self._file)

    def _disk_full(self, error: OSError) -> DiskFullError:
        full = disk_error(str(self._path), error, self._path)
        return DiskFullError(full.what, why=full.why, fix=full.fix)

    def _cut_to_end(self) -> None:
        os.ftruncate(self._file, self._end.offset)
        os.fsync(self._file)

    def _replace(self, state: JournalState | Draft) -> None:
        """Put a file that says what `state` is in place of the journal.

        Raises:
            DiskFullError: the journal is as it was.
            AdapterError: it is not known which of the two there is.
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

    @contextlib.contextmanager
    def _breaking(self, what: str) -> Iterator[None]:
        """Make of a failure the end of this store: what the disk holds now is not known."""
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
        AdapterError: another process has it.
        OSError: the directory cannot be made, or not be written to.
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
    # After a sync that failed the page cache may show what the disk has not.  Without these pages
    # it is the disk that is read.
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    with os.fdopen(os.dup(file), "rb") as reader:
        return reader.read()


def _why(error: OSError) -> str:
    return error.strerror or str(error)
