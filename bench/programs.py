"""Programs that benchmarks run beside ours: told a line, they answer a line of numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

GO_PATH = "/usr/local/go/bin:/usr/lib/go/bin"
BUILD_DIRECTORY = Path(__file__).parent.parent / "build"
BUILD_TIMEOUT_S = 300


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
    """Build a Go program if it is not built; return why it cannot be, "" if it can."""
    go = shutil.which("go") or shutil.which("go", path=GO_PATH)
    if go is None:
        return "no Go here to build it"
    program.parent.mkdir(exist_ok=True)
    try:
        # Go itself knows what has changed since the last time.
        done = subprocess.run(
            [go, "build", "-buildvcs=false", "-o", str(program), "."],
            cwd=sources,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it was not built within {BUILD_TIMEOUT_S} s"
    if done.returncode == 0:
        return ""
    return f"it does not build: {' '.join(done.stderr.split())[-300:]}"
