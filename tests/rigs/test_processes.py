"""A program is awaited, and stopped by process id with everything that it started."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from rigs.ports import free_port
from rigs.processes import (
    Process,
    assert_nothing_left,
    running,
    session_processes,
    wait_until,
)

SLEEP = ["sleep", "60"]


def test_a_program_ends_with_its_block(tmp_path: Path) -> None:
    with running(SLEEP, log_file=tmp_path / "log") as process:
        assert session_processes(process.pid) == [process.pid]

    assert process.returncode == -signal.SIGTERM
    assert session_processes(process.pid) == []


def test_processes_that_outlive_a_program_are_killed_and_reported(tmp_path: Path) -> None:
    process = Process(["sh", "-c", "sleep 60 & echo $!"], log_file=tmp_path / "log")
    wait_until(lambda: not process.is_running, timeout_s=5, what="the shell's end")
    orphan = int(process.log_text())

    process.stop()

    with pytest.raises(AssertionError, match=str(orphan)):
        assert_nothing_left(process)
    wait_until(lambda: not session_processes(process.pid), timeout_s=5, what="the orphan's end")


def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"
    process = Process([sys.executable, "-c", f"{code}; signal.pause()"], log_file=tmp_path / "log")
    process.wait_for_line("up")

    assert process.stop(timeout_s=0.2) == -signal.SIGKILL


def test_waiting_for_a_program_that_ended_fails_with_its_exit_code_and_log(tmp_path: Path) -> None:
    process = Process(["sh", "-c", "echo no such disk; exit 3"], log_file=tmp_path / "log")

    with pytest.raises(AssertionError, match=r"(?s)ended with 3.*no such disk"):
        process.wait_for_port(free_port())
    process.stop()


def test_a_program_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys\n"
        "from rigs.processes import Process\n"
        "log = pathlib.Path(sys.argv[1])\n"
        "print(Process(['sleep', '60'], log_file=log).pid, flush=True)\n"
        "signal.pause()\n"
    )
    parent = Process([sys.executable, "-c", code, tmp_path / "child"], log_file=tmp_path / "log")
    child = int(parent.wait_for_line(r"^\d+$"))
    assert session_processes(child) == [child]

    os.kill(parent.pid, signal.SIGKILL)

    wait_until(lambda: not session_processes(child), timeout_s=5, what="the child's end")
    parent.stop()
