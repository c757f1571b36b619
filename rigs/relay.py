"""Passes TCP connections on: `python -m rigs.relay FROM_HOST FROM_PORT TO_HOST TO_PORT`.

In a network namespace it brings a server that is outside to the namespace's loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

READ_BYTES = 1 << 16


async def main(from_host: str, from_port: str, to_host: str, to_port: str) -> None:
    """Serve for ever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            to_reader, to_writer = await asyncio.open_connection(to_host, int(to_port))
            with contextlib.closing(to_writer):
                both = [copy(reader, to_writer), copy(to_reader, writer)]
                tasks = [asyncio.ensure_future(one) for one in both]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()

    server = await asyncio.start_server(serve, from_host, int(from_port))
    await server.serve_forever()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what is read, until one side ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
