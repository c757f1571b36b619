"""The content of a frame: target, sender and the bytes of the message, undecoded.

A node's listener forwards envelopes to local actors by `target`, without decoding the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class with a lower-case name

from constellation.errors import WireError
from constellation.transport.address import TEXT_BYTES_MAX, ActorRef

OURS = b"\x01"  # before a payload that is one of our messages, as `constellation.wire` encodes it
_LENGTHS = Struct(">BB")


@dataclass(frozen=True, slots=True)
class ActorEnvelope:
    """One message in transit."""

    target: str
    sender: str
    payload: bytes

    def pack(self) -> bytes:
        """Return the bytes of the envelope.

        Raises:
            WireError: an address is too long to be parsed.
        """
        target, sender = self.target.encode(), self.sender.encode()
        if max(len(target), len(sender)) > TEXT_BYTES_MAX:
            raise WireError(
                f"not sent from {self.sender:.80} to {self.target:.80}: an address is longer than "
                f"{TEXT_BYTES_MAX} bytes",
                reason="address",
            )
        return _LENGTHS.pack(len(target), len(sender)) + target + sender + self.payload

    @classmethod
    def unpack(cls, body: bytes) -> ActorEnvelope:
        """Return the envelope in `body`.

        Raises:
            WireError: it is truncated, or an address is not text.
        """
        try:
            target_length, sender_length = _LENGTHS.unpack_from(body)
            sender_at = _LENGTHS.size + target_length
            payload_at = sender_at + sender_length
            target = body[_LENGTHS.size : sender_at].decode()
            sender = body[sender_at:payload_at].decode()
        except (StructError, UnicodeDecodeError) as error:
            raise WireError(f"envelope refused: {error}", reason="malformed") from error
        if len(body) < payload_at:
            raise WireError("envelope refused: truncated", reason="malformed")
        return cls(target, sender, body[payload_at:])

    def target_ref(self) -> ActorRef:
        """Return the parsed target.

        Raises:
            WireError: it is not an address.
        """
        return ActorRef.parse(self.target)
