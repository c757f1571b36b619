"""The file that keeps a node cordoned through a restart.  There is none while it is not.

It is small and written when an operator says so: it is synced before they are told that it holds.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from constellation.admin.cordon import FILE_BYTES_MAX, Cordon, CordonError
from constellation.errors import AdapterError

FILE_NAME = "cordon.json"


def load_cordon(path: Path) -> Cordon:
    """Return what was saved last.

    Raises:
        AdapterError: the file cannot be read or used.  It is left as it is.
    """
    try:
        with path.open("rb") as file:
            return Cordon.decode(file.read(FILE_BYTES_MAX + 1))
    except FileNotFoundError:
        return Cordon()
    except (OSError, CordonError) as error:
        fix = "say how it should be: `constellation cordon` and `uncordon` write the file anew"
        raise AdapterError(f"{path} cannot be used", why=_why(error), fix=fix) from error


def save_cordon(path: Path, cordon: Cordon) -> None:
    """Replace the file as a whole, or take it away; what holds after a crash is the old or the new.

    Raises:
        AdapterError: that failed.  The old file stays, unless only its directory was not synced.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        if cordon.cordoned:
            _write(new, cordon.encode())
            new.replace(path)
        else:
            path.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        fix = "give the agent a data_dir that it can write to, with space left; then order it again"
        raise AdapterError(f"{path} cannot be written", why=_why(error), fix=fix) from error


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: OSError | CordonError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
