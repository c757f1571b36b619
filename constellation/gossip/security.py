"""Encryption of gossip: AES-GCM with a ring of keys.

Every holder of a key is trusted: encryption proves that a packet comes from the cluster, but not
from which node, and it does not detect replays.  Replays are harmless because all state has
versions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from constellation.errors import ConfigError, WireError

KEY_SIZES = (16, 24, 32)
NONCE_BYTES = 12
TAG_BYTES = 16
VERSION_PADDED = 0  # pads the plaintext to blocks of 16; accepted, never sent
VERSION_PLAIN = 1
OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES
BLOCK_BYTES = 16
KEYS_MAX = 8
REMOVED_MAX = 32  # removed keys that a ring remembers
DIGEST_BYTES = 6


def derive_gossip_key(cluster_key: bytes) -> bytes:
    """Return the 32-byte gossip key that is derived from the cluster key."""
    secret = hashlib.blake2b(cluster_key, digest_size=64).digest()
    return hashlib.blake2b(b"gossip", digest_size=32, key=secret, person=b"constellation").digest()


def key_digest(key: bytes) -> bytes:
    """Return a digest of a key, which reveals nothing about it."""
    return hashlib.blake2b(key, digest_size=DIGEST_BYTES, person=b"gossip key id").digest()


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The keys in use.  The first one encrypts, all decrypt; an empty ring means plaintext.

    Two rings can be merged (`merged`): a key that either has removed stays removed, so a node that
    comes back with old keys does not bring them back.
    """

    keys: tuple[bytes, ...] = ()
    removed: tuple[bytes, ...] = ()  # digests of removed keys, the latest last
    used: int = 0  # how often the key that encrypts was changed

    @property
    def is_changed(self) -> bool:
        """It is not as it was made: a key was removed, or another one was used."""
        return bool(self.removed or self.used)

    def __post_init__(self) -> None:
        if len(self.keys) > KEYS_MAX:
            raise ConfigError(f"{len(self.keys)} gossip keys; at most {KEYS_MAX} can be in use")
        for key in self.keys:
            if len(key) not in KEY_SIZES:
                raise ConfigError(f"gossip key of {len(key)} bytes; it must have 16, 24 or 32")

    @property
    def encrypts(self) -> bool:
        """The ring has a key: plaintext is neither sent nor accepted."""
        return bool(self.keys)

    @property
    def overhead_bytes(self) -> int:
        """How many bytes encryption adds to a packet."""
        return OVERHEAD_BYTES if self.keys else 0

    def install(self, key: bytes) -> Keyring:
        """Return the ring with `key` added for decryption.  Idempotent.

        Raises:
            ConfigError: it was removed before, or there are too many keys.
        """
        if key_digest(key) in self.removed:
            raise ConfigError("gossip key was removed before: install a new one")
        return self if key in self.keys else replace(self, keys=(*self.keys, key))

    def use(self, key: bytes) -> Keyring:
        """Return the ring that encrypts with `key`.

        Raises:
            ConfigError: `key` is not installed.
        """
        if key not in self.keys:
            raise ConfigError("gossip key not installed: install it on every node before using it")
        if self.keys[0] == key:
            return self
        others = (other for other in self.keys if other != key)
        return replace(self, keys=(key, *others), used=self.used + 1)

    def remove(self, key: bytes) -> Keyring:
        """Return the ring without `key`.

        Raises:
            ConfigError: `key` is the one that encrypts.
        """
        if self.keys[:1] == (key,):
            raise ConfigError("gossip key is the one in use: use another one before removing it")
        if key not in self.keys:
            return self
        kept = tuple(other for other in self.keys if other != key)
        removed = (*self.removed, key_digest(key))[-REMOVED_MAX:]
        return replace(self, keys=kept, removed=removed)

    def merged(self, other: Keyring) -> Keyring:
        """Return what both rings lead to; the same whichever is merged into the other.

        The key of the ring in which it was changed more often encrypts.
        """
        removed = tuple(dict.fromkeys((*self.removed, *other.removed)))[-REMOVED_MAX:]
        is_first = (self.used, self.keys[:1]) >= (other.used, other.keys[:1])
        first, second = (self, other) if is_first else (other, self)
        # The keys that encrypt come first, so that the second one takes over if the first is gone.
        order = dict.fromkeys((*first.keys[:1], *second.keys[:1], *self.keys, *other.keys))
        kept = tuple(key for key in order if key_digest(key) not in removed)
        if not kept:  # an empty ring would mean plaintext
            return first
        return Keyring(kept[:KEYS_MAX], removed, max(self.used, other.used))

    def seal(self, plaintext: bytes, *, associated: bytes, nonce: bytes) -> bytes:
        """Return version, `nonce`, ciphertext and tag.  A nonce must never be used twice."""
        sealed = AESGCM(self.keys[0]).encrypt(nonce, plaintext, associated)
        return bytes([VERSION_PLAIN]) + nonce + sealed

    def open(self, payload: bytes, *, associated: bytes) -> bytes:
        """Return the plaintext of a packet that `seal`, or another implementation, encrypted.

        Raises:
            WireError: it is too short, of an unknown version, or no key decrypts it.
        """
        if len(payload) < OVERHEAD_BYTES or payload[0] not in (VERSION_PADDED, VERSION_PLAIN):
            raise WireError(
                "packet is not encrypted, or its version is unknown", reason="not_encrypted"
            )
        nonce, sealed = payload[1 : 1 + NONCE_BYTES], payload[1 + NONCE_BYTES :]
        for key in self.keys:
            try:
                plaintext = AESGCM(key).decrypt(nonce, sealed, associated)
            except InvalidTag:
                continue
            return _unpad(plaintext) if payload[0] == VERSION_PADDED else plaintext
        raise WireError("no key of this cluster decrypts the packet", reason="wrong_key")


def _unpad(plaintext: bytes) -> bytes:
    count = plaintext[-1] if plaintext else 0
    if not 1 <= count <= min(BLOCK_BYTES, len(plaintext)):
        raise WireError("packet has invalid padding", reason="padding")
    return plaintext[:-count]
