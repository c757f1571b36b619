"""The key ring after an operator's order."""

from __future__ import annotations

from constellation.errors import ConfigError
from constellation.gossip.keyring_seal import key_id, open_keyring
from constellation.gossip.security import Keyring
from messages.keyring import KeyringOrder

KEY_ID_CHARACTERS_MIN = 4


def changed(keyring: Keyring, order: KeyringOrder, cluster_key: bytes) -> Keyring:
    """Return the ring after `order`.  Idempotent.

    Raises:
        ConfigError: the key does not exist, it is the one in use, or there are too many.
        WireError: the new keys are not sealed with the cluster key.
    """
    match order.action:
        case "list":
            return keyring
        case "install":
            for key in open_keyring(order.sealed_keys, cluster_key).keys:
                keyring = keyring.install(key)
            return keyring
        case "use":
            return keyring.use(_named(keyring, order.key_id))
        case "remove":
            old = _find(keyring, order.key_id)
            return keyring if old is None else keyring.remove(old)


def key_ids(keyring: Keyring) -> tuple[str, ...]:
    """Return the ids of the keys; the first one encrypts."""
    return tuple(key_id(key) for key in keyring.keys)


def _named(keyring: Keyring, wanted: str) -> bytes:
    key = _find(keyring, wanted)
    if key is None:
        raise ConfigError(
            f"key {wanted} does not exist on this node: install it on all nodes first"
        )
    return key


def _find(keyring: Keyring, wanted: str) -> bytes | None:
    if len(wanted) < KEY_ID_CHARACTERS_MIN:
        raise ConfigError(f"a key id needs at least {KEY_ID_CHARACTERS_MIN} characters")
    found = [key for key in keyring.keys if key_id(key).startswith(wanted)]
    if len(found) > 1:
        raise ConfigError(f"{wanted} matches the ids of several keys: use more characters")
    return found[0] if found else None
