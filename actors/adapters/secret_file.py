"""A secret in a file that other users of this host cannot read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from actors.adapters.durable_file import create_file, make_directory
from constellation.errors import ConfigError

SECRET_BYTES_MAX = 4096
_OTHERS = 0o007
_OPEN_AT_ONCE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


def is_missing(path: Path) -> bool:
    """Return whether the file does not exist; `read_secret` reports any other failure."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return False


def read_secret(path: Path, *, what: str, setting: str) -> bytes:
    """Return the secret in `path`, without white space around it.

    Args:
        path: the file.
        what: what the secret is, for error messages, e.g. "the cluster key".
        setting: the setting that determines `path`.

    Raises:
        ConfigError: it cannot be read, or other users can read or write it.
    """
    secret = _read(path, what, setting).strip()
    if len(secret) > SECRET_BYTES_MAX:
        raise ConfigError(f"{what} in {path} is over {SECRET_BYTES_MAX} bytes; correct {setting}")
    return secret


def check_secret_file(path: Path, *, what: str, setting: str) -> None:
    """Check a file that something else reads, as `read_secret` does.

    Raises:
        ConfigError: it cannot be read, or other users can read or write it.
    """
    _read(path, what, setting)


def _read(path: Path, what: str, setting: str) -> bytes:
    """Return the beginning of a file that other users can neither read nor write."""
    try:
        with os.fdopen(os.open(path, _OPEN_AT_ONCE), "rb") as file:
            # Checked before reading: a pipe may have no writer, and a device no end.
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(
                    f"{what} cannot be read from {path}: it is no regular file; correct {setting}"
                )
            if mode & _OTHERS:
                raise ConfigError(
                    f"{what} in {path} is open to every user of this host: chmod 0640 {path}"
                )
            return file.read(SECRET_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{what} cannot be read from {path}: {_why(error)}; correct {setting}, or "
            "run as a user who may read it"
        ) from None


def make_secret(path: Path, text: str) -> None:
    """Create `path` with `text`, whole or not at all; a file that exists already stays.

    Raises:
        AdapterError: the file or its directory cannot be created.
    """
    make_directory(path.parent)
    create_file(path, f"{text}\n".encode())


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
