"""The gossip keys of this node: changed by order, kept, and asked of others when ours are old."""

from __future__ import annotations

import os

from actors.adapters.gossip_transport import GossipTransport
from actors.adapters.keyring_file import KeyringFile
from constellation.errors import AdapterError, ConfigError, WireError
from constellation.gossip.keyring_change import changed, key_ids
from constellation.gossip.keyring_seal import open_keyring, seal_keyring
from constellation.gossip.security import NONCE_BYTES, Keyring
from constellation.log import get_logger
from messages.keyring import KeyringCopy, KeyringOrder, KeyringState

log = get_logger(__name__)


class GossipKeys:
    """Puts each new ring on the disk first, then into the transport."""

    def __init__(self, transport: GossipTransport, file: KeyringFile, cluster_key: bytes) -> None:
        self._transport = transport
        self._file = file
        self._cluster_key = cluster_key
        self._not_understood = 0
        self._asked = False

    def obey(self, order: KeyringOrder) -> KeyringState:
        """Do what `order` says, and return how it is then."""
        problem = ""
        try:
            self._take(changed(self._transport.keyring, order, self._cluster_key), order.action)
        except (ConfigError, WireError, AdapterError) as error:
            problem = str(error)[:512]
            log.warning("gossip_keys_not_changed", action=order.action, why=problem)
        return KeyringState(
            node=self._transport.node.node_name,
            key_ids=key_ids(self._transport.keyring),
            problem=problem,
        )

    def copy(self) -> KeyringCopy:
        """Return our ring for a node whose keys are old."""
        sealed = seal_keyring(
            self._transport.keyring, self._cluster_key, nonce=os.urandom(NONCE_BYTES)
        )
        return KeyringCopy(sealed_keys=sealed)

    def must_ask(self) -> bool:
        """Whether we are alone, and others answer, but not in words that our keys open.

        To be asked now and then: it looks at what came since the last time.
        """
        not_understood = self._transport.not_understood
        is_new = not_understood > self._not_understood
        self._not_understood = not_understood
        self._asked = is_new and self._transport.node.is_alone
        return self._asked

    def adopt(self, copy: KeyringCopy) -> None:
        """Take the ring of a node that we asked."""
        if not self._asked:
            return
        self._asked = False
        try:
            self._take(open_keyring(copy.sealed_keys, self._cluster_key), "adopt")
        except (WireError, AdapterError) as error:
            log.warning("gossip_keys_not_adopted", why=str(error))

    def _take(self, keyring: Keyring, action: str) -> None:
        if keyring == self._transport.keyring:
            return
        self._file.save(keyring)
        self._transport.keyring = keyring
        log.info("gossip_keys_changed", action=action, keys=key_ids(keyring))
