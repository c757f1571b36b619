"""Files that survive a crash and a power failure, and what to do when the disk refuses.

A file is replaced as a whole: written to a temporary file in the same directory, synced, renamed,
and the directory synced.  After a crash the path holds the old content or the new, never a mix.
A failure is an `AdapterError` that names the file system and the remedy, whatever the call was.
All of it blocks: on an event loop, call it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from constellation.errors import AdapterError

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make `data` the whole content of `path`, durably.

    There must be one writer at a time: the temporary file, `.<name>.new`, has a fixed name, so
    that one left by a crash is overwritten and none pile up.

    Raises:
        AdapterError: the old content stays, unless only the sync of the directory failed.
            Repeating the call is safe.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        os.close(write_synced(temporary, data, mode))
        try:
            temporary.replace(path)
        except OSError:
            _unlink_quietly(temporary)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise disk_error(f"{path} cannot be written", error, path) from error


def create_file(path: Path, data: bytes) -> bool:
    """Create `path`, mode 0600, with `data`, durably; return False if it exists already.

    Of several processes that create it at once, one wins, and none sees a part of its content.

    Raises:
        AdapterError: the file was not created, unless only the sync of the directory failed.
    """
    try:
        # A name of its own for each process: in containers they may all have the same process id.
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.link(name, path)
        except FileExistsError:
            return False
        finally:
            _unlink_quietly(Path(name))
        sync_directory(path.parent)
    except OSError as error:
        raise disk_error(f"{path} cannot be created", error, path) from error
    return True


def remove_file(path: Path) -> None:
    """Remove `path`, durably; a file that does not exist is no error.

    Raises:
        AdapterError: it may still exist.  Repeating the call is safe.
    """
    try:
        path.unlink(missing_ok=True)
        sync_directory(path.parent)
    except OSError as error:
        raise disk_error(f"{path} cannot be removed", error, path) from error


def make_directory(path: Path) -> None:
    """Create the directory `path`, mode 0700, with its parents, durably; it may exist already.

    Raises:
        AdapterError: it cannot be created, or it is no directory.
    """
    if path.is_dir():
        return
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(path.parent)
    except OSError as error:
        raise disk_error(f"directory {path} cannot be created", error, path) from error


def write_synced(path: Path, data: bytes, mode: int = 0o600) -> int:
    """Write `data` to a new file at `path` in place of any other, sync it, return it open.

    Raises:
        OSError: no file is left at `path`.
    """
    path.unlink(missing_ok=True)
    descriptor = os.open(path, _NEW_FILE, mode)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        os.close(descriptor)
        _unlink_quietly(path)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes, offset: int = 0) -> None:
    """Write all of `data` at `offset`, whatever the number of calls that takes.

    Raises:
        OSError: a part of it may be written.
    """
    rest = memoryview(data)
    while rest:
        count = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[count:], offset + count


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable.

    Raises:
        OSError: they may not be.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(what: str, error: OSError, path: Path) -> AdapterError:
    """Return `error`, of a call on `path`, in words an operator can act on.

    Args:
        what: what failed, e.g. "/data/journal cannot be written".
        error: why, as the system says it.
        path: the file or directory; it need not exist.
    """
    text = error.strerror or str(error)
    known = _cause_and_remedy(error.errno, path)
    if known is None:
        fix = f"check {path.parent}, and the kernel's log (dmesg) for errors of its disk"
        return AdapterError(what, why=text, fix=fix)
    cause, fix = known
    return AdapterError(what, why=f"{text}: {cause}", fix=fix)


def _cause_and_remedy(number: int | None, path: Path) -> tuple[str, str] | None:
    match number:
        case errno.ENOSPC:
            return _full(path)
        case errno.EDQUOT:
            user, mount = os.geteuid(), _mount_point(path)
            cause = f"user id {user} has used up its quota on the file system at {mount}"
            return cause, f"raise the quota of user id {user}, or delete files of that user"
        case errno.EROFS:
            mount = _mount_point(path)
            fix = (
                f"remount {mount} read-write once the kernel's log (dmesg) shows no disk errors; "
                f"under systemd, add {path.parent} to ReadWritePaths"
            )
            return f"the file system at {mount} is read-only", fix
        case errno.EACCES | errno.EPERM:
            user = os.geteuid()
            fix = f"make {path.parent} and its files writable for user id {user}"
            return f"user id {user} has no permission", fix
        case errno.EIO:
            fix = (
                "check the kernel's log (dmesg) and the health of that disk; replace it if it fails"
            )
            return f"the disk of the file system at {_mount_point(path)} fails", fix
        case errno.EMFILE | errno.ENFILE:
            return "too many files are open", "raise the limit of open files (LimitNOFILE)"
        case errno.EAGAIN | errno.ENOMEM:
            fix = "free memory, or raise the limit of processes (TasksMax, ulimit -u)"
            return "this host or user has no memory or processes left", fix
        case _:
            return _wrong_path(number, path)


def _wrong_path(number: int | None, path: Path) -> tuple[str, str] | None:
    match number:
        case errno.ENOENT:
            return f"{path.parent} does not exist", f"create the directory {path.parent}"
        case errno.ELOOP:
            return f"{path} is a symbolic link", "remove it, or write the path where it leads"
        case errno.EISDIR:
            return f"a directory is where a file must be: {path}", "move that directory elsewhere"
        case errno.ENAMETOOLONG:
            return "a name in it is longer than the file system allows", "choose a shorter path"
        case errno.ENOTDIR | errno.EEXIST:
            return f"a file is where a directory must be: {path}", "move that file elsewhere"
        case _:
            return None


def _full(path: Path) -> tuple[str, str]:
    mount = _mount_point(path)
    try:
        usage = os.statvfs(mount)
    except OSError:
        usage = None
    if usage is not None and usage.f_files and not usage.f_favail:
        return (
            f"the file system at {mount} has no inodes left",
            f"delete files on {mount}: it holds too many (see df -i)",
        )
    return f"the file system at {mount} is full", f"free space on {mount}"


def _mount_point(path: Path) -> Path:
    """Return where the file system that holds `path`, or would hold it, is mounted."""
    place = path.absolute()
    while not os.path.ismount(place) and place != place.parent:
        place = place.parent
    return place


def _unlink_quietly(path: Path) -> None:
    with contextlib.suppress(OSError):  # the failure before this one is the one to report
        path.unlink()
