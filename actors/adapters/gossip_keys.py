"""The gossip keys of this node: changed by order, saved, and fetched from peers when outdated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from actors.adapters.gossip_transport import GossipTransport
from actors.adapters.keyring_file import KeyringFile
from actors.adapters.retried_save import RetriedSave
from constellation.errors import AdapterError, ConfigError, WireError
from constellation.gossip.keyring_change import changed, key_ids
from constellation.gossip.keyring_seal import open_keyring, seal_keyring
from constellation.gossip.security import NONCE_BYTES, Keyring
from constellation.log import get_logger
from messages.keyring import KeyringCopy, KeyringOrder, KeyringState

log = get_logger(__name__)

WORDS = {
    "install": "a key was installed",
    "use": "another key is used",
    "remove": "a key was removed",
}


class GossipKeys:
    """Changes the key ring of this node.

    A ring that an operator orders is saved before it is used; if that fails, the order is refused,
    and the operator can act.  A ring fetched from a peer is used at once, because this node cannot
    talk to the cluster without it, and saved as soon as the disk takes it.  It is merged with the
    ring of this node: what either has removed stays removed.

    `on_change` receives what was done, and the ids of the keys after it.
    """

    def __init__(
        self,
        transport: GossipTransport,
        file: KeyringFile,
        cluster_key: bytes,
        on_change: Callable[[str, tuple[str, ...]], None],
    ) -> None:
        self.saver = RetriedSave("the gossip key ring", file.save, transport.keyring)
        self._transport = transport
        self._on_change = on_change
        self._cluster_key = cluster_key
        self._changing = asyncio.Lock()
        self._not_understood = 0
        self._asked = False

    async def obey(self, order: KeyringOrder, now_s: float) -> KeyringState:
        """Change the ring as `order` says; return the ring, and why it did not change."""
        problem = ""
        try:
            async with self._changing:
                await self._change(order, now_s)
        except (ConfigError, WireError, AdapterError) as error:
            problem = str(error)[:512]
            log.warning("gossip_keys_not_changed", action=order.action, why=problem)
        return KeyringState(
            node=self._transport.node.node_name,
            key_ids=key_ids(self._transport.keyring),
            problem=problem,
        )

    async def _change(self, order: KeyringOrder, now_s: float) -> None:
        keyring = changed(self._transport.keyring, order, self._cluster_key)
        if keyring == self._transport.keyring:
            return
        is_saved = await self.saver.keep(keyring, now_s)
        if not is_saved and self.saver.problem is not None:
            raise self.saver.problem
        self._use(keyring, WORDS[order.action])

    async def keep_saved(self, now_s: float) -> None:
        """Save the ring in use, if it is not saved yet.  Call it periodically."""
        async with self._changing:
            await self.saver.keep(self._transport.keyring, now_s)

    def copy(self) -> KeyringCopy:
        """Return the ring, sealed, for a node whose keys are old."""
        sealed = seal_keyring(
            self._transport.keyring, self._cluster_key, nonce=os.urandom(NONCE_BYTES)
        )
        return KeyringCopy(sealed_keys=sealed)

    def must_ask(self, *, has_foreign: bool) -> bool:
        """Return whether to ask peers for their keys.  Call it periodically.

        True if something was received since the last call that none of the keys decrypts, and this
        node has no living peers, or `has_foreign`: seeds or members have had other keys for long.
        """
        not_understood = self._transport.not_understood
        is_new = not_understood > self._not_understood
        self._not_understood = not_understood
        self._asked = has_foreign or (is_new and self._transport.node.is_alone)
        return self._asked

    def adopt(self, copy: KeyringCopy) -> None:
        """Merge the ring of a peer that was asked into the one in use."""
        if not self._asked:
            return
        try:
            theirs = open_keyring(copy.sealed_keys, self._cluster_key)
        except WireError as error:
            log.warning("gossip_keys_not_adopted", why=str(error))
            return
        keyring = self._transport.keyring.merged(theirs)
        if keyring != self._transport.keyring:
            self._use(keyring, "the keys of another node were taken over")

    def _use(self, keyring: Keyring, action: str) -> None:
        self._transport.keyring = keyring
        log.info("gossip_keys_changed", what=action, keys=key_ids(keyring))
        self._on_change(action, key_ids(keyring))
