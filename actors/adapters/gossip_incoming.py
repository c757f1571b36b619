"""Streams that others have opened, before anything in them is known to be genuine.

Whoever reaches the port can open one, and an encrypted one is only known to be of a member when
all of it is here.  So their number and their bytes have limits, and whoever is slow or large
makes room: an exchange of a member takes milliseconds.
"""

from __future__ import annotations

import asyncio

STREAMS_MAX = 64
BYTES_MAX = 64 << 20  # of all together; one whole state has up to 24 MiB


class IncomingStreams:
    """The open ones, oldest first, with how many bytes each has sent."""

    def __init__(self) -> None:
        self._bytes: dict[asyncio.StreamWriter, int] = {}
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def byte_count(self) -> int:
        """How much of them is in memory."""
        return sum(self._bytes.values())

    def opened(self, stream: asyncio.StreamWriter) -> None:
        """Take one more; the oldest makes room for it."""
        if len(self._bytes) >= STREAMS_MAX:
            self._evict(next(iter(self._bytes)))
        self._bytes[stream] = 0

    def received(self, stream: asyncio.StreamWriter, size_bytes: int) -> None:
        """Count what came; the largest makes room when there is too much of all."""
        if stream in self._bytes:
            self._bytes[stream] += size_bytes
            if self.byte_count > BYTES_MAX:
                self._evict(max(self._bytes, key=self._bytes.__getitem__))

    def closed(self, stream: asyncio.StreamWriter) -> None:
        """Forget one.  Safe to repeat."""
        self._bytes.pop(stream, None)

    def _evict(self, stream: asyncio.StreamWriter) -> None:
        del self._bytes[stream]
        self.evicted += 1
        stream.transport.abort()
