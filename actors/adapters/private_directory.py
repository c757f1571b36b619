"""A directory that belongs to this user alone, at a path that nobody else can redirect.

The path is walked from the root, so each step is taken below directories that are known to be safe.
The last part is never a symbolic link.  For root, each directory above it must belong to root, and
no other user may be able to replace what is in it: else that user could make root delete, or
publish, files elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from actors.adapters.durable_file import sync_directory
from constellation.errors import AdapterError

LINKS_MAX = 40  # as the kernel allows
_WRITE_BY_OTHERS = 0o022


def make_private_directory(path: Path, made: list[Path]) -> None:
    """Create the directory `path`, mode 0700, and its parents; add what was created to `made`.

    A directory that exists must belong to this user, or to root, and be writable.  If it is empty,
    others lose their right to write to it.

    Raises:
        AdapterError: it is not this user's alone.
        OSError: it cannot be created or used.
    """

    def make(missing: Path) -> bool:
        missing.mkdir(mode=0o700)
        made.append(missing)
        sync_directory(missing.parent)
        return True

    _walk(path, make)
    _check_last(path, change=True)


def check_private_directory(path: Path) -> None:
    """Raise what `make_private_directory` would raise; create and change nothing."""

    def check_parent(missing: Path) -> bool:
        _check_writable(missing.parent)
        return False

    if _walk(path, check_parent):
        _check_last(path, change=False)


def _walk(path: Path, on_missing: Callable[[Path], bool]) -> bool:
    """Check each directory on the way to `path`; return whether the end was reached.

    `on_missing` is called with the first part that does not exist, and again with those below it as
    long as it returns True, because it has created them.
    """
    here, left, links = Path("/"), list(reversed(path.absolute().parts[1:])), 0
    while left:
        name = left.pop()
        if name == "..":
            here = here.parent
            continue
        below = here / name
        try:
            found = below.lstat()
        except FileNotFoundError:
            if not on_missing(below):
                return False
            found = below.lstat()
        if stat.S_ISLNK(found.st_mode):
            links += 1
            target = _followed(path, below, found, is_last=not left, links=links)
            left += [part for part in reversed(target.parts) if part != "/"]
            here = Path("/") if target.is_absolute() else here
            continue
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(below))
        if left:
            _check_above(path, below, found)
        here = below
    return True


def _followed(path: Path, link: Path, found: os.stat_result, *, is_last: bool, links: int) -> Path:
    """Return where a symbolic link on the way to `path` leads."""
    if is_last:
        raise _refused(path, "it is a symbolic link", f"write where it leads: {link.readlink()}")
    if links > LINKS_MAX:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(link))
    if os.geteuid() == 0 and found.st_uid != 0:
        why = f"{link} is a symbolic link of another user (id {found.st_uid})"
        raise _refused(path, why, "choose a directory that only root can replace")
    return link.readlink()


def _check_above(path: Path, above: Path, found: os.stat_result) -> None:
    """Refuse a path of root's below a directory in which another user can replace it."""
    if os.geteuid() != 0:
        return
    fix = "choose a directory that only root can replace, or run the agent as that user"
    if found.st_uid != 0:
        why = f"it lies below {above}, which belongs to another user (id {found.st_uid})"
        raise _refused(path, why, fix)
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise _refused(path, f"it lies below {above}, to which every user can write", fix)


def _check_last(path: Path, *, change: bool) -> None:
    """Refuse a directory into which another user can put anything."""
    _check_writable(path)
    found, user = path.lstat(), os.geteuid()
    if found.st_uid not in {0, user}:
        why = f"it belongs to another user (id {found.st_uid})"
        raise _refused(path, why, f"run as that user, or give it to user id {user}")
    if not found.st_mode & _WRITE_BY_OTHERS:
        return
    is_shared = bool(found.st_mode & stat.S_ISVTX) or found.st_uid != user or any(path.iterdir())
    if is_shared:
        fix = f"choose a directory of its own for the agent, or chmod 0700 {path}"
        raise _refused(path, "other users can write to it", fix)
    if change:
        path.chmod(found.st_mode & ~_WRITE_BY_OTHERS & 0o7777)


def _check_writable(path: Path) -> None:
    if not os.access(path, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), str(path / "new"))


def _refused(path: Path, why: str, fix: str) -> AdapterError:
    return AdapterError(f"{path} cannot be used", why=why, fix=fix)
