"""Runs a program, and ends it with all that it has started if it is not awaited to its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Mapping, Sequence

from constellation.value import Value

OUTPUT_BYTES_MAX = 2048  # the end of it
READ_BYTES = 65_536
DEATH_TIMEOUT_S = 0.5  # after SIGKILL; longer only if the kernel waits for a disk
# The agent's processes ignore or handle them, and a program inherits what is ignored.
_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)


class ProgramEnded(Value):
    """How a program ended.  A signal is a negative code."""

    code: int
    output: str


async def run_program(arguments: Sequence[str], environment: Mapping[str, str]) -> ProgramEnded:
    """Run a program in a process group of its own, without input, until it ends.

    If this is cancelled, the whole group is killed, and has ended when it returns.  What a program
    leaves running on purpose when it ends is left alone.

    Raises:
        OSError: it cannot be started.
    """
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    try:
        process_id = _spawn(arguments, environment, write_end)
    except OSError:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    try:
        process = _Child(process_id)
    except OSError:  # there are too many open files, and nobody could await its end
        os.close(read_end)
        os.killpg(process_id, signal.SIGKILL)
        os.waitpid(process_id, 0)
        raise
    output = _Output(read_end)
    try:
        await process.ended.wait()
        output.read()
        return ProgramEnded(process.reap(), output.text)
    finally:
        output.close()
        await process.end()


def _spawn(arguments: Sequence[str], environment: Mapping[str, str], output: int) -> int:
    # Unlike fork and exec, it is safe beside other threads and quick in a large process.
    return os.posix_spawn(
        arguments[0],
        list(arguments),
        dict(environment),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_DUP2, output, 2),
        ],
        setpgroup=0,
        setsigmask=[],
        setsigdef=_SIGNALS,
    )


class _Output:
    """The end of what a program writes, read as it comes: a full pipe would stop the program."""

    def __init__(self, read_end: int) -> None:
        self._fd = read_end
        self._end = b""
        self._is_open = True
        os.set_blocking(read_end, False)
        asyncio.get_running_loop().add_reader(read_end, self.read)

    @property
    def text(self) -> str:
        return self._end.decode(errors="replace")

    def read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, READ_BYTES)
            self._end = (self._end + data)[-OUTPUT_BYTES_MAX:]
            if not data:
                asyncio.get_running_loop().remove_reader(self._fd)

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)


class _Child:
    """A child process and its group."""

    def __init__(self, process_id: int) -> None:
        self._id = process_id
        self._code: int | None = None  # None: not reaped
        self.ended = asyncio.Event()
        self._pidfd = os.pidfd_open(process_id)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self.ended.set()

    def reap(self) -> int:
        """Return the exit code; it must have ended."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._id, 0)[1])
        return self._code

    async def end(self) -> None:
        """Kill the group unless the process was reaped, and wait until it has ended."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._id, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DEATH_TIMEOUT_S):
                    await self.ended.wait()
            if self.ended.is_set():
                self.reap()
            else:  # it is dying, and nobody can hasten that
                threading.Thread(target=os.waitpid, args=(self._id, 0), daemon=True).start()
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
