"""The process of the DNS provider: `python -m actors.adapters.dns_worker`, started by its parent.

Its standard input is a socket that carries frames in both directions.  The first frame has the
credentials; each other one is a call, answered before the next is read.  It ends when its parent
does: the socket ends then, and the kernel kills it if it waits for something else.

It logs nothing, because whatever it says could contain a secret: its parent logs the answers.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
import traceback
from typing import NoReturn, Protocol

from setproctitle import setproctitle

from actors.adapters.dns_frames import frame_of, read_message
from actors.transport.process import die_with_parent
from constellation.errors import WireError
from messages.base import Message
from messages.dns_calls import (
    CloudflareAccess,
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsFailure,
    DnsProviderReady,
    DnsProviderStart,
    Rfc2136Access,
)

DATA_BYTES_MAX = 512 << 20  # several times what the largest answer needs
PARENT = "the agent"


class Provider(Protocol):
    """Who keeps zones.  `call` sends at most one request, and does not raise for a failed one."""

    async def call(self, call: DnsCall) -> DnsAnswer:
        """Do what is asked, and return the answer."""


def main() -> NoReturn:
    """Serve until the parent ends."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a terminal sends them to all processes at once
    die_with_parent(os.getppid())
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES_MAX, DATA_BYTES_MAX))
    try:
        asyncio.run(_serve())
    finally:
        os._exit(0)


async def _serve() -> None:
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    start = await read_message(reader, source=PARENT)
    if not isinstance(start, DnsProviderStart):
        return
    setproctitle(f"constellation: {start.node_name} dns-provider")
    provider, answer = _started(start)
    await _send(writer, answer)
    if provider is None:
        return
    calls: asyncio.Queue[Message] = asyncio.Queue(maxsize=1)
    reading = asyncio.create_task(_read_calls(reader, calls))
    while not reading.done():
        await _send(writer, await answer_of(provider, await calls.get()))


async def _read_calls(reader: asyncio.StreamReader, calls: asyncio.Queue[Message]) -> None:
    try:
        while (call := await read_message(reader, source=PARENT)) is not None:
            await calls.put(call)
    finally:
        os._exit(0)  # also in the middle of a call: nobody waits for its answer


async def _send(writer: asyncio.StreamWriter, answer: Message) -> None:
    writer.write(frame_of(answer))
    await writer.drain()


def _started(start: DnsProviderStart) -> tuple[Provider | None, Message]:
    try:
        return _provider_of(start), DnsProviderReady()
    except Exception as error:  # anything that a library raises while it is loaded or configured
        return None, DnsCallFailed(
            failure="permanent",
            why=f"the provider's library cannot be used: {_where(error)}",
            fix="install the agent again, with all that it depends on",
        )


def _provider_of(start: DnsProviderStart) -> Provider:
    match start.access:
        case CloudflareAccess():
            # Not above: it loads the SDK, which is larger than everything else here.
            from actors.adapters.cloudflare import CloudflareProvider  # noqa: PLC0415

            return CloudflareProvider(start.access)
        case Rfc2136Access():
            from actors.adapters.rfc2136 import Rfc2136Provider  # noqa: PLC0415 - as above

            return Rfc2136Provider(start.access)


async def answer_of(provider: Provider, call: Message) -> DnsAnswer:
    """Return the provider's answer; a defect in it is an answer too."""
    failure: DnsFailure = "uncertain" if isinstance(call, DnsChange) else "transient"
    if not isinstance(call, DnsCall):
        return DnsCallFailed(failure=failure, why=f"{type(call).__name__} is no call")
    try:
        answer = await provider.call(call)
        frame_of(answer)
    except WireError:
        why = "the answer is too large"
    except Exception as error:  # a defect in the adapter must not end the process
        why = f"the adapter of the provider failed: {_where(error)}"
    else:
        return answer
    return DnsCallFailed(failure=failure, why=why)


def _where(error: Exception) -> str:
    """Return what was raised and where.  The error's own text may contain a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


if __name__ == "__main__":
    main()
