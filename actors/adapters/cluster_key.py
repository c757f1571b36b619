"""The secret shared by all nodes: from the settings, from a file, or generated for this host."""

from __future__ import annotations

import secrets
from pathlib import Path

from actors.adapters.secret_file import is_missing, make_secret, read_secret
from constellation.errors import ConfigError
from constellation.settings.node import NodeSettings
from constellation.settings.types import CLUSTER_KEY_CHARACTERS_MIN

FILE_NAME = "cluster_key"  # in the data directory, for a generated key


def new_cluster_key() -> str:
    """Return a random key."""
    return secrets.token_hex(32)


def load_cluster_key(settings: NodeSettings, *, make: bool = True) -> bytes:
    """Return the cluster key; with `make`, one is generated in the data directory if none is set.

    Raises:
        ConfigError: its file cannot be used, or there is no key and `make` is false.
        AdapterError: a generated key cannot be saved.
    """
    if settings.cluster_key is not None:
        return settings.cluster_key.get_secret_value().encode()
    if settings.cluster_key_file is not None:
        return _read(Path(settings.cluster_key_file), "cluster_key_file")
    path = Path(settings.data_dir) / FILE_NAME
    if is_missing(path):
        if not make:
            raise ConfigError(
                f"no cluster key: {path} does not exist: no agent has run on this data directory "
                "as this user; give the agent's settings with --config"
            )
        make_secret(path, new_cluster_key())
    return _read(path, "data_dir")


def check_cluster_key(settings: NodeSettings) -> None:
    """Check the cluster key as `load_cluster_key` does; one that would be generated is no problem.

    Raises:
        ConfigError: its file cannot be used.
    """
    if settings.cluster_key_file is not None:
        _read(Path(settings.cluster_key_file), "cluster_key_file")
    elif settings.cluster_key is None:
        path = Path(settings.data_dir) / FILE_NAME
        if not is_missing(path):
            _read(path, "data_dir")


def _read(path: Path, setting: str) -> bytes:
    key = read_secret(path, what="the cluster key", setting=setting)
    if len(key) < CLUSTER_KEY_CHARACTERS_MIN:
        raise ConfigError(
            f"the cluster key in {path} has {len(key)} characters, {CLUSTER_KEY_CHARACTERS_MIN} "
            "are needed; `constellation keygen` generates one"
        )
    return key
