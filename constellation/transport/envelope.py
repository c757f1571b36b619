"""The content of a frame: target, sender and the bytes of the message, undecoded.

A node's listener forwards envelopes to local actors by `target`, without decoding the message.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class with a lower-case name

from constellation.errors import WireError
from constellation.transport.address import TEXT_BYTES_MAX, ActorRef
from constellation.value import Value

OURS = b"\x01"  # before a payload that is one of our messages, as `constellation.wire` encodes it
_LENGTHS = Struct(">BB")


class ActorEnvelope(Value):
    """One message in transit."""

    target: str
    sender: str
    payload: bytes

    def pack(self) -> bytes:
        """Return the bytes of the envelope.

        Raises:
            WireError: an address is too long to be parsed.
        """
        return _head(self.target, self.sender) + self.payload

    @classmethod
    def unpack(cls, body: bytes) -> ActorEnvelope:
        """Return the envelope in `body`.

        Raises:
            WireError: it is truncated, or an address is not text.
        """
        payload_at = _LENGTHS.size + sum(body[: _LENGTHS.size])
        return cls(*_addresses(body[:payload_at]), body[payload_at:])

    def target_ref(self) -> ActorRef:
        """Return the parsed target.

        Raises:
            WireError: it is not an address.
        """
        return ActorRef.parse(self.target)


# Every message repeats the same few.


@lru_cache(maxsize=1024)
def _head(target: str, sender: str) -> bytes:
    """Return what precedes the payload.

    Raises:
        WireError: an address is too long to be parsed.
    """
    to, by = target.encode(), sender.encode()
    if max(len(to), len(by)) > TEXT_BYTES_MAX:
        raise WireError(
            f"not sent from {sender:.80} to {target:.80}: an address is longer than "
            f"{TEXT_BYTES_MAX} bytes",
            reason="address",
        )
    return _LENGTHS.pack(len(to), len(by)) + to + by


@lru_cache(maxsize=1024)
def _addresses(head: bytes) -> tuple[str, str]:
    """Return target and sender; the inverse of `_head`.

    Raises:
        WireError: it is truncated, or an address is not text.
    """
    try:
        target_length, sender_length = _LENGTHS.unpack_from(head)
        sender_at = _LENGTHS.size + target_length
        target, sender = head[_LENGTHS.size : sender_at].decode(), head[sender_at:].decode()
    except (StructError, UnicodeDecodeError) as error:
        raise WireError(f"envelope refused: {error}", reason="malformed") from error
    if len(head) < sender_at + sender_length:
        raise WireError("envelope refused: truncated", reason="malformed")
    return target, sender
