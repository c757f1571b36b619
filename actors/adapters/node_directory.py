"""The directories of a node: created, private, and locked by one agent."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from actors.adapters.durable_file import disk_error
from actors.adapters.private_directory import check_private_directory, make_private_directory
from constellation.errors import AdapterError

LOCK_NAME = "agent.lock"
_PROCESS_ID_CHARACTERS = 10  # a fixed width, so that the file never has to be truncated
_OPEN_LOCK = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_FLOCK = struct.Struct("@hhqqi")  # type, whence, start, length, process id; in Linux' struct flock


class NodeDirectories:
    """The data and runtime directory of one agent, locked while it runs.

    The lock is a POSIX record lock, which a forked process does not inherit: an actor process that
    outlives the agent does not block the next start, which ends it.
    """

    def __init__(self, data_dir: str, runtime_dir: str | None) -> None:
        """Create both directories, private to this user, and take the lock.

        Raises:
            AdapterError: they cannot be created, or another agent uses the data directory.  What
                was created is removed.
        """
        self.data_dir, self.runtime_dir = paths(data_dir, runtime_dir)
        self._made: list[Path] = []
        self._lock: int | None = None
        try:
            _named("data_dir", self.data_dir, self._make)
            _named("runtime_dir", self.runtime_dir, self._make)
            self._lock = _lock(self.data_dir)
        except AdapterError:
            self.discard()
            raise

    def unlock(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def discard(self) -> None:
        """Remove what this start created, unless something has been saved there; unlock."""
        self._remove_lock_file()
        for directory in reversed(self._made):
            with contextlib.suppress(OSError):  # it is not empty: something of use was saved
                directory.rmdir()
        self.unlock()

    def _remove_lock_file(self) -> None:
        """Remove the lock file, if this start holds it and nothing has been saved beside it."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):  # it is of no harm
            if {path.name for path in self.data_dir.iterdir()} <= {LOCK_NAME, "run"}:
                (self.data_dir / LOCK_NAME).unlink()

    def _make(self, path: Path) -> None:
        make_private_directory(path, self._made)


def paths(data_dir: str, runtime_dir: str | None) -> tuple[Path, Path]:
    """Return the absolute paths of both directories."""
    data = Path(data_dir).absolute()
    return data, Path(runtime_dir).absolute() if runtime_dir else data / "run"


def directory_problems(data_dir: str, runtime_dir: str | None) -> Iterator[AdapterError]:
    """Yield why `NodeDirectories` would refuse these; nothing is created or locked."""
    data, runtime = paths(data_dir, runtime_dir)
    try:
        _named("data_dir", data, check_private_directory)
        _check_lock(data / LOCK_NAME)
    except AdapterError as error:
        yield error
        if runtime.is_relative_to(data):
            return  # for the same reason
    try:
        _named("runtime_dir", runtime, check_private_directory)
    except AdapterError as error:
        yield error


def space_problems(data_dir: str, runtime_dir: str | None) -> Iterator[AdapterError]:
    """Yield why the files of a start cannot be created, although the directories can be used.

    A later start creates nothing in the data directory; sockets and notes need inodes alone.
    """
    data, runtime = paths(data_dir, runtime_dir)
    if not (data / LOCK_NAME).exists() and not _has_space(data, blocks=True):
        yield _no_space(data / LOCK_NAME)
    elif not _has_space(runtime, blocks=False):
        yield _no_space(runtime / "system.sock")


def _has_space(directory: Path, *, blocks: bool) -> bool:
    space = os.statvfs(next(above for above in (directory, *directory.parents) if above.exists()))
    free = space.f_bfree if os.geteuid() == 0 else space.f_bavail  # some are reserved for root
    has_inodes = bool(space.f_favail or not space.f_files)  # some file systems count none
    return has_inodes and bool(free or not blocks)


def _no_space(file: Path) -> AdapterError:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return disk_error(f"{file} cannot be created", error, file)


def _check_lock(path: Path) -> None:
    """Check that the lock file can be opened, if there is one.

    Raises:
        AdapterError: it cannot, for example because another user's agent has created it.
    """
    try:
        os.close(os.open(path, _OPEN_LOCK))
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error(f"{path} cannot be opened", error, path) from error


def lock_holder(data_dir: str) -> int | None:
    """Return the process of the agent that uses this data directory; None: no one is known to."""
    path = Path(data_dir) / LOCK_NAME
    try:
        lock = os.open(path, _OPEN_LOCK)
    except OSError:
        return None  # there is none, or it is reported when the directory is examined
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, process_id = _FLOCK.unpack(fcntl.fcntl(lock, fcntl.F_GETLK, asked))
    finally:
        os.close(lock)
    return None if kind == fcntl.F_UNLCK else process_id


def in_use(data_dir: Path | str, holder: str) -> AdapterError:
    """Return the refusal of a data directory that another agent has locked."""
    return AdapterError(
        f"this agent does not start on {data_dir}",
        why=f"another agent (process {holder}) uses this data directory",
        fix="stop that agent, or set another data_dir for this one",
    )


def _named(setting: str, path: Path, act: Callable[[Path], None]) -> None:
    """Do something with `path`; a failure names the setting."""
    try:
        act(path)
    except OSError as error:
        failed = disk_error(f"{path} cannot be used", error, Path(error.filename or path))
        raise _or_set(setting, failed) from error
    except AdapterError as error:
        raise _or_set(setting, error) from error


def _or_set(setting: str, error: AdapterError) -> AdapterError:
    return AdapterError(error.what, why=error.why, fix=f"{error.fix}, or set {setting}")


def _lock(data_dir: Path) -> int:
    """Return the open lock file.  One that exists already needs no space on the disk."""
    path = data_dir / LOCK_NAME
    try:
        lock = os.open(path, _OPEN_LOCK | os.O_CREAT, 0o600)
    except OSError as error:
        raise disk_error(f"{path} cannot be opened", error, path) from error
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(lock, 32).decode(errors="replace").strip() or "of unknown id"
        os.close(lock)
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise disk_error(f"{path} cannot be locked", error, path) from error
        raise in_use(data_dir, holder) from error
    if not os.fstat(lock).st_nlink:  # a start that was refused has removed it meanwhile
        os.close(lock)
        return _lock(data_dir)
    with contextlib.suppress(OSError):  # only informative: a full disk must not prevent the start
        os.pwrite(lock, f"{os.getpid():<{_PROCESS_ID_CHARACTERS}}\n".encode(), 0)
    return lock
