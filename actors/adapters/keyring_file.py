"""The gossip key ring of this node, sealed, in the data directory."""

from __future__ import annotations

import os
from pathlib import Path

from actors.adapters.durable_file import replace_file
from actors.adapters.secret_file import is_missing, read_secret
from constellation.errors import ConfigError, WireError
from constellation.gossip.keyring_seal import open_keyring, seal_keyring
from constellation.gossip.security import NONCE_BYTES, Keyring, derive_gossip_key
from constellation.log import get_logger

log = get_logger(__name__)

FILE_NAME = "gossip_keyring"


class KeyringFile:
    """The file of the key ring.  Without it the ring is the key derived from the cluster key."""

    def __init__(self, data_dir: Path, cluster_key: bytes) -> None:
        self._path = data_dir / FILE_NAME
        self._cluster_key = cluster_key

    def load(self) -> Keyring:
        """Return the saved ring; the derived key if there is none, or it does not open."""
        first = Keyring((derive_gossip_key(self._cluster_key),))
        if is_missing(self._path):
            return first
        try:
            text = read_secret(self._path, what="the gossip keyring", setting="data_dir")
            return open_keyring(bytes.fromhex(text.decode()), self._cluster_key)
        except (ConfigError, WireError, ValueError) as error:
            # Another cluster key, or damage.  If peers use other keys, they are asked for them.
            log.warning("gossip_keyring_not_read", why=str(error), path=str(self._path))
            return first

    def save(self, keyring: Keyring) -> None:
        """Replace the saved ring.

        Raises:
            AdapterError: the data directory cannot be written.
        """
        sealed = seal_keyring(keyring, self._cluster_key, nonce=os.urandom(NONCE_BYTES))
        replace_file(self._path, f"{sealed.hex()}\n".encode())
