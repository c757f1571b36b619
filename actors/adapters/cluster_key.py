"""The secret that all nodes share: from the settings, from a file, or made for this host alone."""

from __future__ import annotations

import os
import secrets
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
    if not path.exists():
        if not make:
            raise ConfigError(
                f"there is no cluster key: {path} does not exist, so no agent has run on this data "
                "directory as this user; name the agent's settings with --config"
            )
        _make(path)
    return _read(path, "data_dir")


def _read(path: Path, setting: str) -> bytes:
    try:
        mode = path.stat().st_mode
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"the cluster key cannot be read from {path}: {error.strerror}; correct {setting}, or "
            "let this user read it"
        ) from None
    if mode & _OTHERS:
        raise ConfigError(
            f"the cluster key in {path} can be read by every user of this host: chmod 0640 {path}"
        )
    if len(key) < CLUSTER_KEY_CHARACTERS_MIN:
        raise ConfigError(
            f"the cluster key in {path} has {len(key)} characters, {CLUSTER_KEY_CHARACTERS_MIN} "
            "are needed; `constellation keygen` makes one"
        )
    return key


def _make(path: Path) -> None:
    """Write a new key whole or not at all; of two that start at once, the first one's counts."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{FILE_NAME}.{os.getpid()}")
    written = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(written, f"{new_cluster_key()}\n".encode())
        os.fsync(written)
        try:
            os.link(new, path)
        except FileExistsError:
            return
    finally:
        os.close(written)
        new.unlink()
