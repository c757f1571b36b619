"""The output of all benchmarks: a line for each figure, and the same as JSON.

    with Figures("actors") as figures:
        figures.add("round_trip_p50", 0.41, "ms", goal=0.75, peer=Peer("thespian", 0.75))
        figures.absent("etcd", "not installed")

prints `actors.round_trip_p50 0.41 ms peer=thespian peer_value=0.75 ratio=0.55 goal=0.75 ok` and
writes bench/results/actors.json with a description of the machine.  A missed goal is reported as
`short`, never raised.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

RESULTS_DIRECTORY = Path(__file__).parent / "results"
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Peer:
    """What another program reached with the same work in the same run."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.  `better` is the side of `goal` on which it should be."""

    name: str
    value: float
    unit: str
    goal: float
    better: Literal["lower", "higher"]
    peer: Peer | None = None

    @property
    def meets_goal(self) -> bool:
        """Whether the goal is reached, or equalled."""
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    @property
    def ratio(self) -> float:
        """The value divided by the peer's; not a number if that is zero."""
        if self.peer is None or self.peer.value == 0:
            return math.nan
        return self.value / self.peer.value

    def line(self, benchmark: str) -> str:
        """Return the printed line."""
        words = [f"{benchmark}.{self.name}", shown(self.value), self.unit]
        if self.peer is not None:
            words += [f"peer={self.peer.name}", f"peer_value={shown(self.peer.value)}"]
            words.append(f"ratio={shown(self.ratio)}")
        return " ".join([*words, f"goal={shown(self.goal)}", "ok" if self.meets_goal else "short"])

    def as_json(self) -> dict[str, Any]:
        """Return the figure for the results file."""
        peer = None
        if self.peer is not None:
            ratio = None if math.isnan(self.ratio) else self.ratio
            peer = {"name": self.peer.name, "value": self.peer.value, "ratio": ratio}
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "goal": self.goal,
            "better": self.better,
            "meets_goal": self.meets_goal,
            "peer": peer,
        }


class Figures:
    """The figures of one benchmark: printed at once, written when the block ends.

    Figures measured before an error are written too.
    """

    def __init__(
        self, benchmark: str, *, directory: Path = RESULTS_DIRECTORY, out: TextIO | None = None
    ) -> None:
        self.benchmark = _checked(benchmark)
        self.figures: list[Figure] = []
        self.absent_peers: dict[str, str] = {}
        self.notes: list[str] = []
        self.tables: list[dict[str, Any]] = []
        self._directory = directory
        self._out = out or sys.stdout
        self._began_utc = datetime.now(UTC)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        goal: float,
        better: Literal["lower", "higher"] = "lower",
        peer: Peer | None = None,
    ) -> Figure:
        """Print one figure and keep it.

        Raises:
            ValueError: the name or unit cannot be parsed from the line, the name was used before,
                or a value is not finite.
        """
        figure = Figure(_checked(name), float(value), _checked_unit(unit), goal, better, peer)
        if name in {other.name for other in self.figures}:
            raise ValueError(f"{self.benchmark}.{name} was measured twice: use different names")
        if not math.isfinite(value) or not math.isfinite(goal):
            raise ValueError(f"{self.benchmark}.{name} is not a finite number: {value=} {goal=}")
        self.figures.append(figure)
        self._print(figure.line(self.benchmark))
        return figure

    def absent(self, peer: str, reason: str) -> None:
        """Report a peer that cannot be measured on this machine."""
        self.absent_peers[peer] = reason
        self._print(f"{self.benchmark}: peer {peer} is absent: {reason}")

    def note(self, text: str) -> None:
        """Report how something was measured."""
        self.notes.append(text)
        self._print(f"{self.benchmark}: {text}")

    def table(self, columns: list[str], rows: list[list[str | float]]) -> None:
        """Print values side by side for comparison; they have no goals."""
        self.tables.append({"columns": columns, "rows": rows})
        cells = [columns, *([cell_text(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            self._print("  ".join(map(str.ljust, row, widths)).rstrip())

    def spread(self, title: str, times_ms: Sequence[float], *, bar_ms: int = 500) -> None:
        """Print how times are distributed, a star each, and their median."""
        counts = Counter(int(time_ms // bar_ms) for time_ms in times_ms)
        rows: list[list[str | float]] = [
            [f"{bar * bar_ms:>5} to {(bar + 1) * bar_ms} ms", "*" * counts[bar]]
            for bar in range(min(counts), max(counts) + 1)
        ]
        self.table([title, f"{len(times_ms)} times"], rows)
        self.note(f"{title}: median {percentile(list(times_ms), 0.5):.0f} ms")

    def __enter__(self) -> Figures:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        content = {
            "benchmark": self.benchmark,
            "began_utc": self._began_utc.isoformat(timespec="seconds"),
            "complete": error is None,
            "machine": machine(),
            "figures": [figure.as_json() for figure in self.figures],
            "absent_peers": self.absent_peers,
            "notes": self.notes,
            "tables": self.tables,
        }
        file = self._directory / f"{self.benchmark}.json"
        file.write_text(json.dumps(content, indent=2) + "\n")

    def _print(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def cell_text(cell: str | float) -> str:
    """Return the text of a cell."""
    return cell if isinstance(cell, str) else shown(cell)


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that at least `share` (above 0, at most 1) of all do not exceed."""
    if not values or not 0 < share <= 1:
        raise ValueError(f"no percentile {share} of {len(values)} values")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def machine() -> dict[str, Any]:
    """Return a description of this machine."""
    return {
        "cpu": _after_colon(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def shown(value: float) -> str:
    """Return a number with four significant digits or all its integer digits, never as 1e+06."""
    if math.isnan(value):
        return "nan"
    if value == 0:
        return "0"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _after_colon(file: Path, key: str) -> str:
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return ""


def _checked(name: str) -> str:
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid name: use a-z, 0-9 and _, a letter first")
    return name


def _checked_unit(unit: str) -> str:
    if not unit or any(character.isspace() for character in unit):
        raise ValueError(f"{unit!r} is not a valid unit: use one word, e.g. ms, messages/s, MiB")
    return unit
