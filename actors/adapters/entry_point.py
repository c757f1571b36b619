"""Asks an entry point of Traefik whether it answers.  Any HTTP answer counts, also a 404."""

from __future__ import annotations

import asyncio
import contextlib
import os

TIMEOUT_S = 2.0
_QUESTION = (
    b"GET / HTTP/1.1\r\nHost: constellation.invalid\r\nUser-Agent: constellation\r\n"
    b"Connection: close\r\n\r\n"
)
_ANSWER = b"HTTP/1."


async def why_silent(host: str, port: int, *, timeout_s: float = TIMEOUT_S) -> str:
    """Return why the entry point gives no answer; empty: it answers."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(host, port)
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except OSError as error:
        return (os.strerror(error.errno) if error.errno else str(error)).lower()


async def _ask(host: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_QUESTION)
        await writer.drain()
        answer = await reader.readexactly(len(_ANSWER))
    except asyncio.IncompleteReadError:
        return "it closes the connection without an answer"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return "" if answer == _ANSWER else "what listens there does not speak HTTP"
