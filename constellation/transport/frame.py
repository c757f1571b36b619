"""Frames in a byte stream: a length of four bytes (big-endian), then that many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from constellation.errors import WireError
from constellation.wire import MAX_FRAME_BYTES

_LENGTH = Struct(">I")
LENGTH_BYTES = _LENGTH.size
# The message itself, its two addresses and its authentication code.
FRAME_BYTES_MAX = MAX_FRAME_BYTES + 1024


def frame(body: bytes) -> bytes:
    """Return `body` prefixed with its length."""
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Splits a stream into frames.  Buffers at most one incomplete frame of `bytes_max`."""

    def __init__(self, bytes_max: int = FRAME_BYTES_MAX) -> None:
        self.bytes_max = bytes_max
        self._buffer = bytearray()
        self._taken = 0  # of the buffer, while `feed` runs

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add `data` and yield every frame that is now complete.

        The limit is checked before each frame, so that it can be raised in between, once the sender
        is authenticated.

        Raises:
            WireError: a frame announces more than `bytes_max`.  The stream cannot be used further.
        """
        buffer = self._buffer
        buffer += data
        self._taken = start = 0
        try:
            while len(buffer) - start >= LENGTH_BYTES:
                (length,) = _LENGTH.unpack_from(buffer, start)
                if length > self.bytes_max:
                    raise WireError(
                        f"frame of {length} bytes announced, the limit is {self.bytes_max}",
                        reason="oversized",
                    )
                end = start + LENGTH_BYTES + length
                if len(buffer) < end:
                    return
                body = bytes(memoryview(buffer)[start + LENGTH_BYTES : end])
                self._taken = start = end
                yield body
        finally:
            del buffer[:start]
            self._taken = 0

    @property
    def rest(self) -> bytes:
        """What follows the frame that was yielded last."""
        return bytes(memoryview(self._buffer)[self._taken :])
