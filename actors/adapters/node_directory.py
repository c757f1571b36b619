"""The directories of a node: created, private, and locked by one agent."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from actors.adapters.durable_file import disk_error, make_directory
from constellation.errors import AdapterError

LOCK_NAME = "agent.lock"
_PROCESS_ID_CHARACTERS = 10  # a fixed width, so that the file never has to be truncated
_WRITE_BY_OTHERS = 0o022


class NodeDirectories:
    """The data and runtime directory of one agent, locked while it runs.

    The lock is a POSIX record lock, which a forked process does not inherit: an actor process that
    outlives the agent does not block the next start, which ends it.
    """

    def __init__(self, data_dir: str, runtime_dir: str | None) -> None:
        """Create both directories, private to this user, and take the lock.

        Raises:
            AdapterError: they cannot be created, or another agent uses the data directory.
        """
        self.data_dir = Path(data_dir)
        self.runtime_dir = Path(runtime_dir) if runtime_dir else self.data_dir / "run"
        _make(self.data_dir, "data_dir")
        _make(self.runtime_dir, "runtime_dir")
        self._lock = _lock(self.data_dir)

    def unlock(self) -> None:
        """Release the lock."""
        os.close(self._lock)


def _make(path: Path, setting: str) -> None:
    """Create `path`, or check that no other user can put anything into it."""
    try:
        make_directory(path)
        _check(path)
    except OSError as error:
        failed = disk_error(f"{path} cannot be used", error, path / LOCK_NAME)
        raise _or_set(setting, failed) from error
    except AdapterError as error:
        raise _or_set(setting, error) from error


def _check(path: Path) -> None:
    if not os.access(path, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number))
    found = path.stat()
    if found.st_uid not in {0, os.geteuid()}:
        raise AdapterError(
            f"{path} cannot be used",
            why=f"it belongs to another user (id {found.st_uid})",
            fix=f"give it to user id {os.geteuid()}",
        )
    if found.st_mode & _WRITE_BY_OTHERS:
        path.chmod(found.st_mode & ~_WRITE_BY_OTHERS & 0o7777)


def _or_set(setting: str, error: AdapterError) -> AdapterError:
    return AdapterError(error.what, why=error.why, fix=f"{error.fix}, or set {setting}")


def _lock(data_dir: Path) -> int:
    """Return the open lock file.  One that exists already needs no space on the disk."""
    path = data_dir / LOCK_NAME
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_error(f"{path} cannot be opened", error, path) from error
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(lock, 32).decode(errors="replace").strip() or "of unknown id"
        os.close(lock)
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise disk_error(f"{path} cannot be locked", error, path) from error
        raise AdapterError(
            f"this agent does not start on {data_dir}",
            why=f"another agent (process {holder}) uses this data directory",
            fix="stop that agent, or set another data_dir for this one",
        ) from error
    with contextlib.suppress(OSError):  # only informative: a full disk must not prevent the start
        os.pwrite(lock, f"{os.getpid():<{_PROCESS_ID_CHARACTERS}}\n".encode(), 0)
    return lock
