"""One UDP datagram: joins, encrypts and labels messages, and undoes it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import field

from constellation.errors import WireError
from constellation.gossip.packets import HAS_LABEL, compound
from constellation.gossip.security import Keyring
from constellation.value import Value

LABEL_BYTES_MAX = 255


class GossipEnvelope(Value):
    """The label and the keys with which all packets of a cluster are wrapped."""

    keyring: Keyring = field(default_factory=Keyring)
    label: bytes = b""

    def __post_init__(self) -> None:
        if len(self.label) > LABEL_BYTES_MAX:
            raise ValueError(f"a label has at most {LABEL_BYTES_MAX} bytes")

    @property
    def overhead_bytes(self) -> int:
        """How many bytes wrapping adds to a datagram."""
        return self.keyring.overhead_bytes + (2 + len(self.label) if self.label else 0)

    @property
    def header(self) -> bytes:
        """The label header: the first bytes of a datagram, and of a stream's initiator."""
        return bytes([HAS_LABEL, len(self.label)]) + self.label if self.label else b""

    def seal(self, parts: Sequence[bytes], *, nonce: bytes) -> bytes:
        """Return the datagram of `parts`; `nonce` is 12 fresh random bytes."""
        body = compound(parts)
        if self.keyring.encrypts:
            body = self.keyring.seal(body, associated=self.label, nonce=nonce)
        return self.header + body

    def open(self, datagram: bytes) -> bytes:
        """Return the packet body, for `packets.decode`.

        Raises:
            WireError: the datagram is from another cluster, or not encrypted with a known key.
        """
        label, body = split_label(datagram)
        if label != self.label:
            raise WireError("packet with the label of another cluster", reason="label")
        if self.keyring.encrypts:
            return self.keyring.open(body, associated=self.label)
        return body


def split_label(data: bytes) -> tuple[bytes, bytes]:
    """Return the label `data` begins with, empty if none, and the rest.

    Raises:
        WireError: the label is cut off or empty.
    """
    if data[:1] != bytes([HAS_LABEL]):
        return b"", data
    size = data[1] if len(data) > 1 else 0
    if not size or len(data) < 2 + size:
        raise WireError("label is cut off or empty", reason="label")
    return data[2 : 2 + size], data[2 + size :]
