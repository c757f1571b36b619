"""The processes of an agent: what each has for itself, and what each does while nothing happens."""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rigs.agents import Agent

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MIB_KIB = 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """One process at one moment."""

    name: str  # of the actor or actors that it runs
    pss_kib: int
    private_dirty_kib: int
    cpu_s: float


def read_processes(agent: Agent) -> dict[int, Reading]:
    """Read all processes of an agent, by their ids."""
    found = {}
    for process_id in agent.process_ids():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            found[process_id] = _read(process_id, agent.name)
    return found


def _read(process_id: int, agent_name: str) -> Reading:
    directory = Path(f"/proc/{process_id}")
    title = (directory / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
    sizes = dict(
        line.split(":", 1) for line in (directory / "smaps_rollup").read_text().splitlines()[1:]
    )
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    return Reading(
        name=title.removeprefix(f"constellation: {agent_name}").strip() or "guardian",
        pss_kib=int(sizes["Pss"].split()[0]),
        private_dirty_kib=int(sizes["Private_Dirty"].split()[0]),
        cpu_s=(int(fields[11]) + int(fields[12])) / TICKS_PER_S,
    )


@dataclass(frozen=True, slots=True)
class Idle:
    """What the processes of an agent did during `duration_s`, without those that have ended."""

    duration_s: float
    before: dict[int, Reading]
    after: dict[int, Reading]

    @property
    def core_percent(self) -> float:
        """The CPU time of all processes, as a share of one core."""
        return 100 * sum(map(self._cpu_s, self.after)) / self.duration_s

    def rows(self) -> list[list[str | float]]:
        """Return name, PSS, private dirty memory and CPU of each process; monitors together."""
        groups: dict[str, list[int]] = defaultdict(list)
        for process_id, reading in self.after.items():
            groups[reading.name.partition("/")[0]].append(process_id)
        return [self._row(name, ids) for name, ids in groups.items()]

    def _row(self, name: str, process_ids: list[int]) -> list[str | float]:
        readings = [self.after[one] for one in process_ids]
        cpu_s = sum(map(self._cpu_s, process_ids))
        return [
            name if len(readings) == 1 else f"{name} ({len(readings)})",
            _mib(reading.pss_kib for reading in readings),
            _mib(reading.private_dirty_kib for reading in readings),
            1000 * cpu_s / self.duration_s,
        ]

    def _cpu_s(self, process_id: int) -> float:
        before = self.before.get(process_id)
        return self.after[process_id].cpu_s - (before.cpu_s if before else 0.0)


COLUMNS = ["process", "PSS MiB", "private dirty MiB", "CPU ms/s"]


def watch_idle(agent: Agent, duration_s: float) -> Idle:
    """Ask nothing of the agent for `duration_s`, and return what it did."""
    before, began_s = read_processes(agent), time.monotonic()
    time.sleep(duration_s)
    took_s = time.monotonic() - began_s
    return Idle(took_s, before, read_processes(agent))


def _mib(sizes_kib: Iterable[int]) -> float:
    return sum(sizes_kib) / MIB_KIB
