"""Runs the process of the DNS provider, and sends it one call at a time.

The SDK of a provider needs some 40 MB.  A process of its own is paid only while this node writes
records, and a library that hangs, leaks or crashes harms nothing else.

The process gets its credentials in its first message, and an environment that has none.  It is
started by `subprocess`, whose child executes its program at once, so that threads of this process
do no harm; and which leaves SIGCHLD, which the actor system handles, alone.  (uvloop's way would
take that signal.)  The kernel kills the child when the thread that started it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import actors
from actors.adapters.dns_frames import frame_of, read_message
from constellation.errors import ConfigError, WireError
from constellation.log import get_logger
from messages.base import Message
from messages.dns_calls import (
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsProviderReady,
    DnsProviderStart,
)

log = get_logger(__name__)

WORKER = "actors.adapters.dns_worker"
START_TIMEOUT_S = 30.0  # to load the SDK, on a slow and busy machine
END_TIMEOUT_S = 0.9
_END_LOOK_S = 0.005
CHILD = "the process of the DNS provider"
# What Python needs to start, and what determines the language and the time zone of a program.
PASSED_ON = frozenset(
    {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "TZ"}
)


class _Child:
    """One run of the process."""

    def __init__(self, start: DnsProviderStart) -> None:
        self.start = start
        ours, its = socket.socketpair()
        self._socket = ours
        try:
            self._popen: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", WORKER],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                env=child_environment(os.environ),
            )
        except OSError:
            ours.close()
            raise
        finally:
            its.close()
        self._writer: asyncio.StreamWriter | None = None

    @property
    def process_id(self) -> int:
        return self._popen.pid

    async def exchange(self, message: Message) -> Message | None:
        """Send a message and return the answer; None: the process has ended."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)
        try:
            self._writer.write(frame_of(message))
            await self._writer.drain()
        except ConnectionError:
            return None
        return await read_message(self._reader, source=CHILD)

    def kill(self) -> None:
        """End it at once: it keeps nothing that could be lost."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGKILL)
        if self._writer is not None:
            self._writer.close()
        else:
            self._socket.close()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, by itself or killed by somebody."""
        return self._popen.poll() is not None

    async def ended(self) -> int | None:
        """Return its exit code, after it was killed or has ended; None: it does not end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT_S):
                while not self.has_ended:
                    await asyncio.sleep(_END_LOOK_S)
                if self._writer is not None:
                    with contextlib.suppress(ConnectionError):
                        await self._writer.wait_closed()
        return self._popen.returncode


class DnsProcess:
    """The process of the provider: started by the first call, and by the first after `close`.

    `make_start` returns the first message.  It is called before each call, so that credentials
    which have changed, in a file for example, replace the process; it raises ConfigError if there
    are none.  All methods belong to one event loop.
    """

    def __init__(self, make_start: Callable[[], DnsProviderStart]) -> None:
        self._make_start = make_start
        self._child: _Child | None = None
        self._one_at_a_time = asyncio.Lock()
        self._closings = 0
        self._ending: set[asyncio.Task[int | None]] = set()
        self.starts = 0  # how often it was started

    @property
    def process_id(self) -> int:
        """The process; 0 while there is none."""
        child = self._child
        return 0 if child is None or child.has_ended else child.process_id

    async def call(self, call: DnsCall, timeout_s: float) -> DnsAnswer:
        """Return the answer to a call; what fails is an answer too.

        A process that ends or does not answer within `timeout_s` is ended: then a `DnsChange` may
        have been done.  The start of the process, before, has its own limit.  A call that is
        cancelled ends the process too.
        """
        closings = self._closings
        async with self._one_at_a_time:
            child = await self._ready_child(closings)
            if isinstance(child, DnsCallFailed):
                return child
            return await self._ask(child, call, timeout_s)

    async def close(self) -> None:
        """End the process, within a second; calls under way are answered as failed."""
        self._closings += 1
        await self._end()

    async def _ask(self, child: _Child, call: DnsCall, timeout_s: float) -> DnsAnswer:
        is_change = isinstance(call, DnsChange)
        answer, why = await self._exchange(child, call, timeout_s)
        if isinstance(answer, DnsAnswer):
            return answer
        return DnsCallFailed(
            failure="uncertain" if is_change else "transient", why=why, code="process"
        )

    async def _ready_child(self, closings: int) -> _Child | DnsCallFailed:
        try:
            start = self._make_start()
        except ConfigError as error:
            await self._end()
            return DnsCallFailed(
                failure="permanent",
                why="the provider of DNS cannot be asked without credentials",
                fix=str(error)[:512],
                code="credentials",
            )
        if self._child is not None and (self._child.start != start or self._child.has_ended):
            await self._end()
        if self._closings != closings:  # while this call waited
            return DnsCallFailed(failure="transient", why=f"{CHILD} was ended", code="process")
        if self._child is not None:
            return self._child
        return await self._start(start)

    async def _start(self, start: DnsProviderStart) -> _Child | DnsCallFailed:
        try:
            child = self._child = _Child(start)
        except OSError as error:
            why = f"{CHILD} cannot be started: {error.strerror}"
            return DnsCallFailed(failure="transient", why=why, code="process")
        self.starts += 1
        loop = asyncio.get_running_loop()
        began_at_s = loop.time()
        answer, why = await self._exchange(child, start, START_TIMEOUT_S)
        if isinstance(answer, DnsProviderReady):
            took_s = round(loop.time() - began_at_s, 3)
            log.info("dns_provider_started", process_id=child.process_id, took_s=took_s)
            return child
        await self._end()
        if isinstance(answer, DnsCallFailed):
            return answer
        return DnsCallFailed(failure="transient", why=f"at its start, {why}", code="process")

    async def _exchange(
        self, child: _Child, message: Message, timeout_s: float
    ) -> tuple[Message | None, str]:
        """Return the answer, or None and why there is none; then the process is ended."""
        answer: Message | None = None
        why = ""
        try:
            async with asyncio.timeout(timeout_s):
                answer = await child.exchange(message)
        except TimeoutError:
            why = f"{CHILD} did not answer within {timeout_s:g} s"
        except WireError as error:
            why = str(error)[:400]
        finally:
            if answer is None and self._child is child:  # also if this was cancelled
                self._kill()
        if answer is None:
            code = await child.ended()
            why = why or f"{CHILD} ended with exit code {code}"
        return answer, why

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            task = asyncio.get_running_loop().create_task(child.ended())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self) -> None:
        self._kill()
        await asyncio.gather(*self._ending)


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the process: none of the variables that may have a secret."""
    passed = {name: value for name, value in environ.items() if name in PASSED_ON}
    # From where this process has loaded the package, also if that is a checkout.
    passed["PYTHONPATH"] = str(Path(actors.__file__).resolve().parent.parent)
    return passed
