"""Forked processes, tied to their parent; ends those that an earlier run of the node left.

Every process of a node asks the kernel to be killed when its parent ends (PR_SET_PDEATHSIG), so
even `kill -9` of the agent leaves no orphan.  In case one survives all the same (its parent was
being debugged, the kernel does not support the request), each notes its process id and start time
in the runtime directory, and the next start ends those that still run.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import re
import signal
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from constellation.log import get_logger

log = get_logger(__name__)

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.prctl  # noqa: B018 - found now, not in each process
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
PID_SUFFIX = ".pid"
SOCKET_SUFFIX = ".sock"
# Names of sockets: the actor system, its actors, names that they claim, and processes outside it.
OWN_SOCKET = re.compile(
    r"system|(new-)?[0-9a-f]{6}(-[0-9]+)*|@[a-z][a-z-]*|(new-)?ext-[0-9]+-[0-9]+"
)


# Signals that a parent handles, blocked during a fork so that none is lost.
_HANDLED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


class ChildProcess:
    """A forked process, with the interface that Thespian expects."""

    def __init__(self, run: Callable[[], None]) -> None:
        """Call `run` in a new process, which ends when it returns."""
        parent_id = os.getpid()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
        try:
            self.process_id = os.fork()
            if self.process_id == 0:
                _run_and_exit(run, parent_id, mask)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._ended = False

    def is_alive(self) -> bool:
        """Whether it still runs; if not, it is reaped."""
        if not self._ended:
            try:
                self._ended = os.waitpid(self.process_id, os.WNOHANG)[0] != 0
            except ChildProcessError:
                self._ended = True  # reaped already
        return not self._ended

    def join(self, timeout_s: float) -> None:
        """Do nothing: `is_alive` reaps the process."""

    def kill(self) -> None:
        """End it at once."""
        if self.is_alive():
            os.kill(self.process_id, signal.SIGKILL)


def _run_and_exit(run: Callable[[], None], parent_id: int, mask: Iterable[int]) -> NoReturn:
    code = 1
    try:
        # A terminal or a service manager may signal all processes of the agent at once; then the
        # agent's first process ends the others in order.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        # Collections here leave alone what the parent has made: following it would copy its pages.
        gc.freeze()
        die_with_parent(parent_id)
        run()
        code = 0
    except BaseException:  # the frames below belong to the parent: nothing may return to them
        log.exception("process_failed")
    finally:
        os._exit(code)


def die_with_parent(parent_process_id: int) -> None:
    """Ask the kernel to kill this process when its parent ends; exit if it has already ended."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_process_id:
        os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ends, so that `reap` can reap them.

    In a container there may be no init process for that, and zombies would fill the process table.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap() -> None:
    """Reap every child that has ended, own or adopted."""
    with contextlib.suppress(ChildProcessError):  # there are no children
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _prctl(option: int, argument: int) -> None:
    if _LIBC.prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def start_time_ticks(process_id: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if it does not exist.

    Process ids are reused; together with its start time an id identifies one process.
    """
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # The second field is the name in parentheses, which may contain spaces; the state follows it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def write_pid_file(runtime_dir: Path, name: str) -> None:
    """Leave a note of this process for `end_leftovers` of a later start.

    The note is the target of a symbolic link: a file system that is full still takes one, as it
    takes the socket beside it, so an actor can be started again there.
    """
    process_id = os.getpid()
    note = runtime_dir / f"{name}{PID_SUFFIX}"
    note.unlink(missing_ok=True)
    note.symlink_to(f"{process_id} {start_time_ticks(process_id)}")


def running_processes(runtime_dir: Path) -> list[int]:
    """Return the ids of the processes noted in `runtime_dir` that still run."""
    notes = filter(None, map(_noted, runtime_dir.glob(f"*{PID_SUFFIX}")))
    return [process_id for process_id, ticks in notes if start_time_ticks(process_id) == ticks]


def _noted(path: Path) -> tuple[int, int] | None:
    """Return the id and start time in a note; None if `write_pid_file` did not write it."""
    try:
        process_id, ticks = (int(word) for word in str(path.readlink()).split())
    except (OSError, ValueError):
        return None
    return process_id, ticks


def end_leftovers(runtime_dir: Path, *, timeout_s: float = 2.0) -> list[int]:
    """Kill every process noted in `runtime_dir`, remove their files, and return their ids.

    Files of other programs stay: the directory may be one that they use too.

    Raises:
        TimeoutError: one of them could not be killed within `timeout_s`.
    """
    leftovers = running_processes(runtime_dir)
    for process_id in leftovers:
        try:
            os.kill(process_id, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline_s = time.monotonic() + timeout_s
    while running_processes(runtime_dir):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"processes {leftovers} of an earlier start cannot be killed")
        time.sleep(0.01)
    for path in _own_files(runtime_dir):
        path.unlink(missing_ok=True)
    return leftovers


def _own_files(runtime_dir: Path) -> list[Path]:
    """Return the notes and sockets in `runtime_dir` that an earlier run of this node made."""
    notes = {path.stem: path for path in runtime_dir.glob(f"*{PID_SUFFIX}") if _noted(path)}
    sockets = [
        path
        for path in runtime_dir.glob(f"*{SOCKET_SUFFIX}")
        if (path.stem in notes or OWN_SOCKET.fullmatch(path.stem)) and _is_own_socket(path)
    ]
    return [*notes.values(), *sockets]


def _is_own_socket(path: Path) -> bool:
    """Return whether it is a socket of this user, or a name that an actor has claimed."""
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            target = path.readlink()
            return target.suffix == SOCKET_SUFFIX and target.name == str(target)
    except OSError:
        return False
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.geteuid()
