"""Asks an entry point of Traefik whether it answers.

Any HTTP answer counts, also a 404.  Traefik answers a plain request on an entry point with TLS as
well; a TLS alert (RFC 8446 §6) counts too, for what stands before it may speak TLS only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine

TIMEOUT_S = 2.0
_QUESTION = (
    b"GET / HTTP/1.1\r\nHost: constellation.invalid\r\nUser-Agent: constellation\r\n"
    b"Connection: close\r\n\r\n"
)
_ANSWER = b"HTTP/1."
_TLS_ALERT = b"\x15\x03"  # type of the record, and the first byte of its version


async def why_refused(host: str, port: int, *, timeout_s: float = TIMEOUT_S) -> str:
    """Return why the entry point takes no connection; empty: it does."""
    return await _why_not(_knock(host, port), timeout_s)


async def why_silent(host: str, port: int, *, timeout_s: float = TIMEOUT_S) -> str:
    """Return why the entry point gives no answer; empty: it answers."""
    return await _why_not(_ask(host, port), timeout_s)


async def _why_not(attempt: Coroutine[None, None, str], timeout_s: float) -> str:
    try:
        async with asyncio.timeout(timeout_s):
            return await attempt
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except OSError as error:
        return (os.strerror(error.errno) if error.errno else str(error)).lower()


async def _knock(host: str, port: int) -> str:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return ""


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
    is_answer = answer == _ANSWER or answer.startswith(_TLS_ALERT)
    return "" if is_answer else "what listens there does not speak HTTP"
