"""Programs that benchmarks control: each command is a line, each answer a line of numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rigs.go_programs import GoModule, GoProgramError, install

BUILD_DIRECTORY = Path(__file__).parent.parent / "build"


class Program:
    """One process, with pipes for its commands and answers."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process

    def tell(self, command: str) -> None:
        """Send a command; `answer` waits for the result."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def answer(self) -> list[float]:
        """Wait for the answer and return its numbers."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended; its output is above")
        return numbers(line)

    def ask(self, command: str) -> list[float]:
        """Send a command and return the numbers of its answer."""
        self.tell(command)
        return self.answer()

    def end(self) -> None:
        """Kill the process.  Safe to repeat."""
        with self._process:
            self._process.kill()


def start(name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Program:
    """Start a program in its own session, which the terminal does not signal; it ends with us."""
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
        ValueError: the line is empty, or contains something else.
    """
    words = line.split()
    if not words:
        raise ValueError("an answer has at least one number")
    return [float(word) for word in words]


def go_program_missing(sources: Path, program: Path) -> str:
    """Install a Go program as `program`; return why that fails, "" if it succeeds."""
    try:
        install(GoModule(sources, {program.name: "."}), program.parent)
    except GoProgramError as error:
        return str(error)
    return ""
