"""Who wrote a record: each node signs its own (Ed25519, RFC 8032), and anybody can check.

The gossip key proves that a packet comes from the cluster, not from which node of it.  A record
is relayed by all, so its author's signature travels with it.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE_KEY_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
_PURPOSE = b"constellation record 1\n"  # the key signs nothing else that begins so


class Identity:
    """What makes this node the author of its records in all its lives: its name and its key."""

    def __init__(self, node_name: str, private_key: bytes) -> None:
        """Take `private_key`, 32 random bytes.

        Raises:
            ValueError: it has another length.
        """
        self.node_name = node_name
        self._private = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key = self._private.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"Identity({self.node_name}, public_key={self.public_key.hex()})"

    def sign(self, payload: bytes) -> bytes:
        """Return the 64 bytes that prove `payload` to be this node's."""
        return self._private.sign(_PURPOSE + payload)


def is_signed_by(public_key: bytes, signature: bytes, payload: bytes) -> bool:
    """Tell whether the holder of `public_key` has signed `payload`; False also if it is no key."""
    try:
        _parsed(public_key).verify(signature, _PURPOSE + payload)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def _parsed(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)
