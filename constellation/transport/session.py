"""One authenticated connection between two nodes: handshake, then numbered, keyed frames.

    acceptor  -> initiator   magic, acceptor's nonce
    initiator -> acceptor    initiator's nonce, its identity, code over both nonces and addresses
    acceptor  -> initiator   code over the same
    then each frame: code over (direction's key, frame number, body), body

Codes are BLAKE2b MACs with a key derived from the cluster key.  Both nonces are fresh and random,
so a recorded connection cannot be replayed, not even to a restarted node.  The frame number makes a
repeated, dropped or reordered frame within one connection fail.  The initiator signs the address
that it dialled, so a handshake cannot be relayed to another node.  A session proves origin, order
and completeness.  It does not encrypt: that is left to the mesh (Tailscale, WireGuard).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct

from constellation.errors import WireError

MAGIC = b"CNSTL\x00\x00\x01"  # the last byte is the version of this handshake
NONCE_BYTES = 32
CODE_BYTES = 16
IDENTITY_BYTES_MAX = 200
HANDSHAKE_FRAME_BYTES_MAX = NONCE_BYTES + CODE_BYTES + IDENTITY_BYTES_MAX
_NUMBER = Struct(">Q")
_FRAME = Struct(">QQQ")  # the length of the number, the number, the length of the body


def derive_key(cluster_key: bytes, purpose: bytes) -> bytes:
    """Return a 32-byte key for one `purpose` (at most 16 bytes)."""
    # BLAKE2b accepts keys of up to 64 bytes, so the cluster key is hashed first.
    root = blake2b(cluster_key, person=b"constellation").digest()
    return blake2b(key=root, person=purpose, digest_size=32).digest()


def _code(key: bytes, purpose: bytes, *parts: bytes) -> bytes:
    code = blake2b(key=key, person=purpose, digest_size=CODE_BYTES)
    for part in parts:
        # Lengths distinguish ("ab", "c") from ("a", "bc").
        code.update(_NUMBER.pack(len(part)))
        code.update(part)
    return code.digest()


@dataclass(frozen=True, slots=True)
class Handshake:
    """The values that both sides sign.  `key` is `derive_key(cluster_key, b"actors")`."""

    key: bytes = field(repr=False)
    acceptor_nonce: bytes
    initiator_nonce: bytes
    identity: bytes  # the initiator's own address, at most IDENTITY_BYTES_MAX
    acceptor_address: bytes  # 'host:port' that the initiator dialled

    def code(self, purpose: bytes) -> bytes:
        """Return the code by which one side proves that it knows the key."""
        return _code(
            self.key,
            purpose,
            self.acceptor_nonce,
            self.initiator_nonce,
            self.identity,
            self.acceptor_address,
        )

    def channel(self, *, initiator: bool) -> Channel:
        """Return the frame codes of this connection for one of its sides."""
        up = self.code(b"key initiator")
        down = self.code(b"key acceptor")
        return Channel(up, down) if initiator else Channel(down, up)


def greeting(acceptor_nonce: bytes) -> bytes:
    """Return the acceptor's first frame."""
    return MAGIC + acceptor_nonce


def read_greeting(body: bytes) -> bytes:
    """Return the acceptor's nonce.

    Raises:
        WireError: the peer is not such an actor system, or of another version.
    """
    if len(body) != len(MAGIC) + NONCE_BYTES or body[: len(MAGIC)] != MAGIC:
        raise WireError(
            "the peer does not speak this actor system's protocol: upgrade the older agent, or "
            "correct the port",
            reason="protocol",
        )
    return body[len(MAGIC) :]


def introduction(handshake: Handshake) -> bytes:
    """Return the initiator's answer to the greeting."""
    return handshake.initiator_nonce + handshake.code(b"initiator") + handshake.identity


def read_introduction(
    body: bytes, *, key: bytes, acceptor_nonce: bytes, acceptor_address: bytes
) -> Handshake:
    """Return the handshake that the initiator signed.

    Raises:
        WireError: it does not know the cluster key, or dialled another node.
    """
    prefix_bytes = NONCE_BYTES + CODE_BYTES
    if not prefix_bytes < len(body) <= HANDSHAKE_FRAME_BYTES_MAX:
        raise WireError(f"introduction of {len(body)} bytes refused", reason="unauthenticated")
    handshake = Handshake(
        key, acceptor_nonce, body[:NONCE_BYTES], body[prefix_bytes:], acceptor_address
    )
    if not compare_digest(body[NONCE_BYTES:prefix_bytes], handshake.code(b"initiator")):
        raise WireError(
            "introduction with a wrong code refused: the peer has another cluster_key, or dialled "
            "another address than this node's bind_address",
            reason="unauthenticated",
        )
    return handshake


def acceptance(handshake: Handshake) -> bytes:
    """Return the acceptor's proof."""
    return handshake.code(b"acceptor")


def check_acceptance(body: bytes, handshake: Handshake) -> None:
    """Check that the acceptor knows the cluster key.

    Raises:
        WireError: it does not.
    """
    if not compare_digest(body, handshake.code(b"acceptor")):
        raise WireError(
            "the dialled node has another cluster_key: set the same one on every node",
            reason="unauthenticated",
        )


def _begun(key: bytes) -> blake2b:
    """Return the hash of no frame yet: a copy of it costs less than taking in the key again."""
    return blake2b(key=key, person=b"frame", digest_size=CODE_BYTES)


def _frame_code(begun: blake2b, number: int, body: bytes) -> bytes:
    """Return `_code` of the frame's number and its body."""
    code = begun.copy()
    code.update(_FRAME.pack(_NUMBER.size, number, len(body)))
    code.update(body)
    return code.digest()


class Channel:
    """Seals frames of one direction and opens those of the other, each numbered from 0."""

    def __init__(
        self, seal_key: bytes, open_key: bytes, *, sealed_count: int = 0, opened_count: int = 0
    ) -> None:
        """Begin, or go on after so many frames."""
        self.seal_key = seal_key
        self.open_key = open_key
        self.sealed_count = sealed_count
        self.opened_count = opened_count
        self._sealing, self._opening = _begun(seal_key), _begun(open_key)

    def seal(self, body: bytes) -> bytes:
        """Return `body` prefixed with its code.  Frames must be sent in the order of sealing."""
        code = _frame_code(self._sealing, self.sealed_count, body)
        self.sealed_count += 1
        return code + body

    def open(self, sealed: bytes) -> bytes:
        """Return the body of the next frame.

        Raises:
            WireError: the frame is not the peer's next one.  Close the connection.
        """
        code, body = sealed[:CODE_BYTES], sealed[CODE_BYTES:]
        expected = _frame_code(self._opening, self.opened_count, body)
        if not compare_digest(code, expected):
            raise WireError(
                f"frame {self.opened_count} with a wrong code refused: forged, repeated, or out "
                "of order",
                reason="unauthenticated",
            )
        self.opened_count += 1
        return body
