"""The directories of a node: who owns them, and what an earlier life left there."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from constellation.errors import AdapterError

LOCK_NAME = "agent.lock"
_WRITE_BY_OTHERS = 0o022


class NodeDirectories:
    """The data and runtime directory of one agent, locked for its life.

    The lock is a POSIX record lock, because a forked process does not inherit one: an actor that
    outlived the agent does not keep the next start from taking over and ending it.
    """

    def __init__(self, data_dir: str, runtime_dir: str | None) -> None:
        """Make both directories, private to this user, and take the lock.

        Raises:
            AdapterError: they cannot be made, or another agent uses the data directory.
        """
        self.data_dir = Path(data_dir)
        self.runtime_dir = Path(runtime_dir) if runtime_dir else self.data_dir / "run"
        _make(self.data_dir, "data_dir")
        _make(self.runtime_dir, "runtime_dir")
        self._lock = _lock(self.data_dir)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)


def _make(path: Path, setting: str) -> None:
    """Make `path`, or check that nobody else can put anything into it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(13, "it may not be written by this user")
        found = path.stat()
        if found.st_uid not in {0, os.geteuid()}:
            raise PermissionError(1, f"it belongs to another user (id {found.st_uid})")
        if found.st_mode & _WRITE_BY_OTHERS:
            path.chmod(found.st_mode & ~_WRITE_BY_OTHERS & 0o7777)
    except OSError as error:
        raise AdapterError(
            f"{path} cannot be used",
            why=error.strerror or str(error),
            fix=f"make it writable for this user, or set {setting}",
        ) from error


def _lock(data_dir: Path) -> int:
    lock = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(lock, 32).decode(errors="replace").strip() or "of unknown id"
        os.close(lock)
        raise AdapterError(
            f"this agent does not start on {data_dir}",
            why=f"another agent (process {holder}) uses this data directory",
            fix="stop that one, or give this one another data_dir",
        ) from error
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock
