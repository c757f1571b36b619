"""The signing key of this node, in the data directory, the same for all its lives."""

from __future__ import annotations

import secrets
from pathlib import Path

from actors.adapters.secret_file import is_missing, make_secret, read_secret
from constellation.errors import ConfigError
from constellation.gossip.identity import PRIVATE_KEY_BYTES, Identity
from constellation.settings.agent import Settings

FILE_NAME = "node_identity"


def load_identity(settings: Settings) -> Identity:
    """Return this node's identity; the first life creates it.

    Raises:
        ConfigError: its file cannot be read, or holds something else.
        AdapterError: there is no such file, and it cannot be created.
    """
    path = Path(settings.data_dir) / FILE_NAME
    if is_missing(path):
        make_secret(path, secrets.token_hex(PRIVATE_KEY_BYTES))
    return _read(path, settings)


def check_identity(settings: Settings) -> None:
    """Check the identity as `load_identity` does; one that would be created is no problem.

    Raises:
        ConfigError: its file cannot be read, or holds something else.
    """
    path = Path(settings.data_dir) / FILE_NAME
    if not is_missing(path):
        _read(path, settings)


def _read(path: Path, settings: Settings) -> Identity:
    text = read_secret(path, what="the node identity", setting="data_dir")
    try:
        return Identity(settings.node_name, bytes.fromhex(text.decode()))
    except ValueError:
        raise ConfigError(
            f"the node identity in {path} is damaged: restore it, or remove it and wait some "
            "seconds before the start, until the other nodes have declared this one dead"
        ) from None
