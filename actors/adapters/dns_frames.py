"""Frames between an agent and the process of its DNS provider: a length, then a wire message."""

from __future__ import annotations

import asyncio
import struct

from constellation.errors import WireError
from constellation.wire import MAX_FRAME_BYTES, decode, encode
from messages.base import Message

_LENGTH = struct.Struct("!I")


def frame_of(message: Message) -> bytes:
    """Return the frame of a message.

    Raises:
        WireError: it is larger than the other side accepts.
    """
    content = encode(message)
    return _LENGTH.pack(len(content)) + content


async def read_message(reader: asyncio.StreamReader, *, source: str) -> Message | None:
    """Return the next message; None: the other side has ended.

    Raises:
        WireError: what was received is no frame of ours.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FRAME_BYTES:
            raise WireError(
                f"frame from {source} refused: {length} bytes, the limit is {MAX_FRAME_BYTES}",
                reason="oversized",
            )
        return decode(await reader.readexactly(length), source=source)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
