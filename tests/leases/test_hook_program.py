"""Programs are run to their end, or ended with all that they have started."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from actors.adapters.hook_program import OUTPUT_BYTES_MAX, ProgramEnded, run_program
from rigs.processes import wait_until

ENVIRONMENT = {"PATH": os.environ["PATH"], "ONLY": "this"}


def script(directory: Path, text: str, mode: int = 0o755) -> str:
    path = directory / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def ended(program: str, *arguments: str) -> ProgramEnded:
    result = run(run_program([program, *arguments], ENVIRONMENT))
    assert isinstance(result, ProgramEnded)
    return result


def test_program_gets_its_arguments_and_the_given_environment_and_no_input(tmp_path: Path) -> None:
    program = script(tmp_path, 'cat; echo "$1 $2 $ONLY"; env | grep -c =; echo bad >&2; exit 3')

    assert ended(program, "a b", "c") == ProgramEnded(3, "a b c this\n3\nbad\n")  # and PWD


def test_signal_is_a_negative_code_although_the_agent_ignores_it(tmp_path: Path) -> None:
    assert ended(script(tmp_path, "kill -TERM $$; sleep 5")).code == -15


def test_program_that_cannot_be_awaited_is_killed_and_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(process_id: int) -> int:
        started.append(process_id)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    started: list[int] = []
    monkeypatch.setattr(os, "pidfd_open", none_left)
    open_before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(OSError, match="open files"):
        ended(script(tmp_path, "sleep 30"))
    assert len(started) == 1
    assert not Path(f"/proc/{started[0]}").exists()
    assert len([*Path("/proc/self/fd").iterdir()]) == open_before


@pytest.mark.parametrize(
    ("name", "mode", "error"),
    [("none", 0o755, FileNotFoundError), ("program", 0o644, PermissionError)],
)
def test_program_that_cannot_be_started_is_an_error(
    tmp_path: Path, name: str, mode: int, error: type[OSError]
) -> None:
    script(tmp_path, "exit 0", mode)
    open_before = len([*Path("/proc/self/fd").iterdir()])

    with pytest.raises(error):
        ended(str(tmp_path / name))
    assert len([*Path("/proc/self/fd").iterdir()]) == open_before


def test_only_the_end_of_much_output_is_kept(tmp_path: Path) -> None:
    result = ended(script(tmp_path, "yes | head -c 3000000; echo the end"))

    assert result.code == 0
    assert len(result.output) <= OUTPUT_BYTES_MAX
    assert result.output.endswith("\nthe end\n")


def test_program_that_is_abandoned_is_dead_with_all_that_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = script(tmp_path, f"trap '' TERM; sleep 60 & echo $$ $! > {pids}.new; "
                     f"mv {pids}.new {pids}; sleep 61; wait")  # fmt: skip

    async def abandon() -> None:
        task = asyncio.ensure_future(run_program([program], ENVIRONMENT))
        while not pids.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        own, _ = pids.read_text().split()
        assert not Path(f"/proc/{own}").exists()

    run(abandon())
    _, other = pids.read_text().split()
    wait_until(lambda: is_dead(other), timeout_s=5, what="what it has started to end")


def is_dead(process_id: str) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_what_a_program_leaves_running_is_neither_awaited_nor_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = script(tmp_path, f"sleep 3 & echo $! > {pid}; echo done")
    began_s = time.monotonic()

    assert ended(program) == ProgramEnded(0, "done\n")

    assert time.monotonic() - began_s < 2.0
    assert not is_dead(pid.read_text().strip())
