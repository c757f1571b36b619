"""A node's signing key: each node signs its records (Ed25519, RFC 8032), and any node can verify.

The gossip key proves that a packet comes from the cluster, but not from which node.  Records are
relayed by all nodes, so each carries the signature of its author.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE_KEY_BYTES = 32
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
_PURPOSE = b"constellation record 1\n"  # nothing else that this key signs begins like this


class Identity:
    """The name and the signing key of this node, the same in all its lives."""

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
        """Return the signature of `payload`, 64 bytes."""
        return self._private.sign(_PURPOSE + payload)


def is_signed_by(public_key: bytes, signature: bytes, payload: bytes) -> bool:
    """Return whether `public_key` has signed `payload`; False also if it is not a valid key."""
    try:
        _parsed(public_key).verify(signature, _PURPOSE + payload)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def _parsed(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)
