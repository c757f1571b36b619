"""A program in its own session, with its output in a file.

The session finds what the program itself starts: `leftovers` are the processes of the session
that outlived it.  The program gets SIGTERM if the thread that started it ends first, so an
interrupted test run leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rigs import patience
from rigs.ports import answers

POLL_INTERVAL_S = 0.02
TAIL_CHARACTERS = 3000


def wait_until(
    condition: Callable[[], object], *, timeout_s: float, what: str | Callable[[], str]
) -> None:
    """Return as soon as `condition()` is true; AssertionError that names `what` at the timeout."""
    began_s = time.monotonic()
    while not condition():
        limit_s = timeout_s * patience.current.factor
        if time.monotonic() > began_s + limit_s and not patience.current.grow():
            raise AssertionError(
                f"not within {limit_s:.3g} s: {what if isinstance(what, str) else what()}"
            )
        time.sleep(POLL_INTERVAL_S)


class Process:
    """One running program.  `stop()` is safe to repeat."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log_file: Path,
        name: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        dies_with_us: bool = True,
    ) -> None:
        self.name = name or Path(command[0]).name
        self.log_file = log_file
        self.leftovers: tuple[int, ...] = ()
        log_file.parent.mkdir(parents=True, exist_ok=True)
        setpriv = shutil.which("setpriv") if dies_with_us else None
        prefix = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
        with log_file.open("ab") as log:
            self._popen = subprocess.Popen(
                [*prefix, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if env is None else {**os.environ, **env},
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The program's process id, which is also the id of its session."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative if a signal ended it; None while it runs."""
        return self._popen.poll()

    @property
    def is_running(self) -> bool:
        """Whether the program runs."""
        return self.returncode is None

    def log_text(self) -> str:
        """Return everything it has written so far."""
        return self.log_file.read_text(errors="replace")

    def wait_for_line(self, pattern: str, *, timeout_s: float = 15.0) -> str:
        """Return the first line of its log that contains `pattern`, as soon as there is one."""
        compiled, found = re.compile(pattern), list[str]()

        def has_it() -> bool:
            found.extend(line for line in self.log_text().splitlines() if compiled.search(line))
            return bool(found)

        self.wait_for(has_it, timeout_s=timeout_s, what=f"a line with {pattern!r}")
        return found[0]

    def wait_for_port(self, port: int, host: str = "127.0.0.1", *, timeout_s: float = 15.0) -> None:
        """Return as soon as the port accepts connections."""
        self.wait_for(
            lambda: answers(host, port), timeout_s=timeout_s, what=f"{host}:{port} to answer"
        )

    def wait_for(self, condition: Callable[[], object], *, timeout_s: float, what: str) -> None:
        """Return as soon as `condition()` is true; fail at once if the program ends before."""

        def holds_or_ended() -> bool:
            return bool(condition()) or not self.is_running

        tail = f"{self.name} (process {self.pid}) is expected to reach: {what}"
        wait_until(holds_or_ended, timeout_s=timeout_s, what=lambda: f"{tail}\n{self._log_tail()}")
        if not condition():
            raise AssertionError(f"{tail}; it ended with {self.returncode}\n{self._log_tail()}")

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone, not to its children."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """Kill the program alone with SIGKILL, and wait; its children keep running."""
        self._popen.kill()
        self._popen.wait()

    def kill_session(self) -> None:
        """Kill the program and all its children at once with SIGKILL, as a power cut does."""
        for process_id in session_processes(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        self._popen.wait()

    def stop(self, *, timeout_s: float = 10.0) -> int:
        """Stop it with SIGTERM, after the timeout with SIGKILL; return its exit code.

        What remains of its session is killed too, and listed in `leftovers`.
        """
        if self.is_running:
            self._popen.terminate()
            try:
                self._popen.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        code = self._popen.wait()
        left = session_processes(self.pid)
        for process_id in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        self.leftovers += tuple(left)
        return code

    def _log_tail(self) -> str:
        return f"--- end of {self.log_file}\n{self.log_text()[-TAIL_CHARACTERS:]}"


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log_file: Path,
    name: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Process]:
    """Run a program until the block ends; AssertionError if it leaves a process behind."""
    process = Process(command, log_file=log_file, name=name, env=env, cwd=cwd)
    try:
        yield process
    finally:
        process.stop()
    assert_nothing_left(process)


def assert_nothing_left(process: Process) -> None:
    """Fail if a process of the stopped program's session is left."""
    alive = tuple(session_processes(process.pid))
    left = process.leftovers + alive
    assert not left, f"{process.name} left processes behind when it ended: {left}"


def session_processes(session_id: int) -> list[int]:
    """Return the running processes of a session, without zombies."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # It ended meanwhile.
        if int(fields[3]) == session_id and fields[0] not in "ZX":
            found.append(int(entry.name))
    return sorted(found)


def wakeups(process_ids: Sequence[int]) -> int:
    """Return how often the threads of these processes have waited for something, in their lives.

    The load of the machine does not change that number: who is preempted does not wait.
    """
    total = 0
    for process_id in process_ids:
        for status in Path(f"/proc/{process_id}/task").glob("*/status"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.M)
                total += int(found[1]) if found else 0
    return total
