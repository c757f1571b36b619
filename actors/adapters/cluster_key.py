"""The secret that all nodes share: from the settings, from a file, or made for this host alone."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from constellation.config import CLUSTER_KEY_CHARACTERS_MIN, Settings
from constellation.errors import ConfigError

FILE_NAME = "cluster_key"  # in the data directory, of a key that was made here
_OTHERS = 0o007


def new_cluster_key() -> str:
    """Return a key that nobody can guess."""
    return secrets.token_hex(32)


def load_cluster_key(settings: Settings, *, make: bool = True) -> bytes:
    """Return the cluster key; with `make`, one is made in the data directory if none is set.

    Raises:
        ConfigError: the file that holds it cannot be used, or there is none and none may be made.
    """
    if settings.cluster_key is not None:
        return settings.cluster_key.get_secret_value().encode()
    if settings.cluster_key_file is not None:
        return _read(Path(settings.cluster_key_file), "cluster_key_file")
    path = Path(settings.data_dir) / FILE_NAME
    if _is_missing(path):
        if not make:
            raise ConfigError(
                f"there is no cluster key: {path} does not exist, so no agent has run on this data "
                "directory as this user; name the agent's settings with --config"
            )
        _make(path)
    return _read(path, "data_dir")


def _is_missing(path: Path) -> bool:
    """Return whether there is no such file; any other failure is told by who reads it."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _read(path: Path, setting: str) -> bytes:
    try:
        with path.open("rb") as file:
            # Before reading: what is open to all may also be a device without an end.
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise ConfigError(
                    f"the cluster key in {path} is open to every user of this host: "
                    f"chmod 0640 {path}"
                )
            key = file.read().strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the cluster key cannot be read from {path}: {_why(error)}; correct {setting}, or "
            "run this as a user who may read it"
        ) from None
    if len(key) < CLUSTER_KEY_CHARACTERS_MIN:
        raise ConfigError(
            f"the cluster key in {path} has {len(key)} characters, {CLUSTER_KEY_CHARACTERS_MIN} "
            "are needed; `constellation keygen` makes one"
        )
    return key


def _make(path: Path) -> None:
    """Write a new key whole or not at all; of two that start at once, the first one's counts."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path)
    except OSError as error:
        raise ConfigError(
            f"no cluster key can be made in {path.parent}: {_why(error)}; correct data_dir, or let "
            "this user write there, or set cluster_key_file"
        ) from None


def _write(path: Path) -> None:
    # A name of its own each time: in containers all agents may have the same process id, and one
    # that was killed here leaves its file behind.
    written, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(written, "w") as file:
            file.write(f"{new_cluster_key()}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        Path(new).unlink()


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
