"""Programs that benchmarks run beside ours: told a line, they answer a line of numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rigs.go_programs import GoModule, GoProgramError, install

BUILD_DIRECTORY = Path(__file__).parent.parent / "build"


class Program:
    """One process with pipes for its lines."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process

    def tell(self, command: str) -> None:
        """Give a command; `answer` waits for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def answer(self) -> list[float]:
        """Return the numbers of the answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended; what it said is above")
        return numbers(line)

    def ask(self, command: str) -> list[float]:
        """Give a command and return the numbers of its answer."""
        self.tell(command)
        return self.answer()

    def end(self) -> None:
        """End the process at once.  Safe to repeat."""
        with self._process:
            self._process.kill()


def start(name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Program:
    """Start a program in a session of its own, out of the terminal's reach; it ends with us."""
    setpriv = shutil.which("setpriv")
    prefix = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    process = subprocess.Popen(
        [*prefix, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
        cwd=BUILD_DIRECTORY.parent,
        start_new_session=True,
    )
    return Program(name, process)


def numbers(line: str) -> list[float]:
    """Return the numbers of one answer.

    Raises:
        ValueError: it is none, or something else.
    """
    words = line.split()
    if not words:
        raise ValueError("an answer has at least one number")
    return [float(word) for word in words]


def go_program_missing(sources: Path, program: Path) -> str:
    """Make a Go program available as `program`; return why that is impossible, "" if it is."""
    try:
        install(GoModule(sources, {program.name: "."}), program.parent)
    except GoProgramError as error:
        return str(error)
    return ""
