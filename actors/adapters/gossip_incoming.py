"""Incoming streams, before their content is authenticated.

Anyone who reaches the port can open a stream, and an encrypted stream is only authenticated once it
is complete.  So their number and their bytes are limited, and the oldest or largest one is closed
when a limit is reached.  An exchange with a member takes milliseconds.
"""

from __future__ import annotations

import asyncio

STREAMS_MAX = 64
BYTES_MAX = 64 << 20  # of all together; one whole state has up to 24 MiB


class IncomingStreams:
    """The open streams, oldest first, and the bytes received from each."""

    def __init__(self) -> None:
        self._bytes: dict[asyncio.StreamWriter, int] = {}
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def byte_count(self) -> int:
        """How many bytes are in memory."""
        return sum(self._bytes.values())

    def opened(self, stream: asyncio.StreamWriter) -> None:
        """Add a stream; if there are too many, close the oldest."""
        if len(self._bytes) >= STREAMS_MAX:
            self._evict(next(iter(self._bytes)))
        self._bytes[stream] = 0

    def received(self, stream: asyncio.StreamWriter, size_bytes: int) -> None:
        """Count received bytes; if there are too many in total, close the largest stream."""
        if stream in self._bytes:
            self._bytes[stream] += size_bytes
            if self.byte_count > BYTES_MAX:
                self._evict(max(self._bytes, key=self._bytes.__getitem__))

    def closed(self, stream: asyncio.StreamWriter) -> None:
        """Forget a stream.  Idempotent."""
        self._bytes.pop(stream, None)

    def _evict(self, stream: asyncio.StreamWriter) -> None:
        del self._bytes[stream]
        self.evicted += 1
        stream.transport.abort()
