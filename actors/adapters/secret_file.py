"""A secret in a file of its own, that no other user of this host can read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

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


def make_secret(path: Path, text: str, *, what: str, fix: str) -> None:
    """Write `text` whole or not at all; of two that make it at once, the first one's counts.

    Raises:
        ConfigError: the directory cannot be made, or not be written to.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = _written(path, text)
        try:
            os.link(new, path)
        except FileExistsError:
            return
        finally:
            new.unlink()
    except OSError as error:
        raise ConfigError(f"no {what} can be made in {path.parent}: {_why(error)}; {fix}") from None


def replace_secret(path: Path, text: str) -> None:
    """Write `text` in place of what `path` holds, whole or not at all.

    Raises:
        OSError: the directory cannot be written to.
    """
    _written(path, text).replace(path)


def _written(path: Path, text: str) -> Path:
    # A name of its own each time: in containers all agents may have the same process id, and one
    # that was killed here leaves its file behind.
    file, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(file, "w") as written:
            written.write(f"{text}\n")
            written.flush()
            os.fsync(written.fileno())
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
