"""A secret in a file of its own, that no other user of this host can read."""

from __future__ import annotations

import os
from pathlib import Path

from actors.adapters.durable_file import create_file, make_directory
from constellation.errors import ConfigError

SECRET_BYTES_MAX = 4096
_OTHERS = 0o007


def is_missing(path: Path) -> bool:
    """Return whether there is no such file; any other failure is told by `read_secret`."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return False


def read_secret(path: Path, *, what: str, setting: str) -> bytes:
    """Return the secret in `path`, without space around it.

    Args:
        path: its file.
        what: what it is, for the complaint, e.g. "the cluster key".
        setting: the setting that names `path`.

    Raises:
        ConfigError: it cannot be read, or others can.
    """
    try:
        with path.open("rb") as file:
            # Before reading: what is open to all may also be a device without an end.
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ConfigError(
                    f"{what} in {path} is open to every user of this host: chmod 0640 {path}"
                )
            secret = file.read(SECRET_BYTES_MAX + 1).strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{what} cannot be read from {path}: {_why(error)}; correct {setting}, or "
            "run this as a user who may read it"
        ) from None
    if len(secret) > SECRET_BYTES_MAX:
        raise ConfigError(f"{what} in {path} is over {SECRET_BYTES_MAX} bytes; correct {setting}")
    return secret


def make_secret(path: Path, text: str) -> None:
    """Create `path` with `text`, whole or not at all; a file that exists already stays.

    Raises:
        AdapterError: the file or its directory cannot be created.
    """
    make_directory(path.parent)
    create_file(path, f"{text}\n".encode())


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
