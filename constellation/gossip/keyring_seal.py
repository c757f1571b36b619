"""A key ring, sealed with the cluster key for the disk or for another node.

A ring that was sealed with another cluster key does not open, so a cluster that changes its cluster
key starts with a new ring.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from constellation.errors import ConfigError, WireError
from constellation.gossip.security import (
    DIGEST_BYTES,
    KEYS_MAX,
    NONCE_BYTES,
    REMOVED_MAX,
    Keyring,
    key_digest,
)

SEALED_BYTES_MAX = 1024
_PURPOSE = b"constellation keyring 1"


def key_id(key: bytes) -> str:
    """Return the id of a key, for people; it reveals nothing about the key."""
    return key_digest(key).hex()


def seal_keyring(keyring: Keyring, cluster_key: bytes, *, nonce: bytes) -> bytes:
    """Return the ring, encrypted for holders of the cluster key.

    `nonce` is 12 fresh random bytes.
    """
    row: list[Any] = list(keyring.keys)
    if keyring.is_changed:  # without, earlier versions can read it
        row = [row, list(keyring.removed), keyring.used]
    plain = msgpack.packb(row)
    return nonce + _cipher(cluster_key).encrypt(nonce, plain, _PURPOSE)


def open_keyring(sealed: bytes, cluster_key: bytes) -> Keyring:
    """Return the ring that `seal_keyring` sealed.

    Raises:
        WireError: it was sealed with another cluster key, or is damaged.
    """
    if not NONCE_BYTES < len(sealed) <= SEALED_BYTES_MAX:
        raise WireError(f"a sealed ring of {len(sealed)} bytes", reason="sealed_keys")
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        plain = _cipher(cluster_key).decrypt(nonce, body, _PURPOSE)
        return _ring(msgpack.unpackb(plain, max_array_len=max(KEYS_MAX, REMOVED_MAX)))
    except (InvalidTag, ValueError, msgpack.UnpackException, ConfigError) as error:
        raise WireError(
            f"gossip keys do not open with this cluster key ({type(error).__name__})",
            reason="sealed_keys",
        ) from None


def _ring(row: Any) -> Keyring:
    whole = row if isinstance(row, list) and row and isinstance(row[0], list) else [row, [], 0]
    keys, removed, used = (*whole, None, None, None)[:3]
    # An empty ring would mean plaintext.
    if not isinstance(keys, list) or not keys or not all(isinstance(k, bytes) for k in keys):
        raise WireError("a sealed key ring does not hold a list of keys", reason="sealed_keys")
    is_digest = isinstance(removed, list) and all(
        isinstance(one, bytes) and len(one) == DIGEST_BYTES for one in removed
    )
    if not is_digest or type(used) is not int or used < 0:
        raise WireError("a sealed key ring does not hold what was removed", reason="sealed_keys")
    return Keyring(tuple(keys), tuple(removed), used)


def _cipher(cluster_key: bytes) -> AESGCM:
    secret = hashlib.blake2b(cluster_key, digest_size=64).digest()
    return AESGCM(
        hashlib.blake2b(b"keyring", digest_size=32, key=secret, person=b"constellation").digest()
    )
