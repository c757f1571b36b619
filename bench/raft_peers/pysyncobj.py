"""PySyncObj 0.3.17: three processes, and the client in one of its own or in the leader's.

What is in its favour:

- Its log is never compacted while it is measured, and its own logging is off.
- A client in a process of its own speaks the least that can be spoken (`pysyncobj_client`).
- With `inside` the client calls its API in the leader's process and thread: no connection, no
  thread switch.  No other cluster here is measured so; it is shown, and not compared with.

What it does with the disk, by its source: the journal is a file mapped into memory.  Entries are
copied into the mapping, and msync is called when the member is stopped, not before.  There is no
setting for it.  So as it is shipped (`shipped`) a write is answered when two members have it in
the page cache: it survives kill -9, and not the loss of power.

`synced` adds what is missing, from outside: before a follower says that it has entries, and before
the leader counts itself, the journal is synced, once for all that was read in one go.  So are terms
and votes, before a message says them.

It has two ways to replicate.  `at_once` sends each command as it comes, and is the better with one
in flight.  `batched` sends once a period; 1 ms is set, as the default of 100 ms is no match.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from pathlib import Path

from bench.programs import Program, start
from bench.raft_peers.cluster import MEMBERS, START_TIMEOUT_S, Sample, sample_of
from bench.raft_peers.pysyncobj_client import measure
from rigs.availability import COMPILED
from rigs.loopback import loopback_addresses
from rigs.ports import free_port

LIBRARY = COMPILED / "pysyncobj"
POLL_S = 0.05


class PySyncObj:
    """A cluster of it, in some modes."""

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        synced: bool = True,
        batched: bool = False,
        inside: bool = False,
    ) -> None:
        self.name = name
        self._directory = directory / name
        self._inside = inside
        self._numbers = itertools.count()
        self._modes = (
            "synced" if synced else "shipped",
            "batched" if batched else "at_once",
        )
        self._members: list[Program] = []

    def missing(self) -> str:
        """Return why it cannot be measured here."""
        return "" if (LIBRARY / "pysyncobj").is_dir() else "not installed: run `make components`"

    def describe(self) -> str:
        """Return version and modes."""
        found = next(iter(LIBRARY.glob("pysyncobj-*.dist-info")), None)
        version = found.name.split("-")[1].removesuffix(".dist") if found else "?"
        return f"PySyncObj {version}, {', '.join(self._modes)}, {self._place}"

    @property
    def _place(self) -> str:
        if self._inside:
            return "client in the leader's process"
        return "client another process, one connection to the leader"

    def start(self) -> None:
        """Start the members; return when one leads all."""
        addresses = [f"{host}:{free_port(host)}" for host in loopback_addresses(MEMBERS)]
        path = os.pathsep.join([str(LIBRARY), os.environ.get("PYTHONPATH", "")])
        program = [sys.executable, "-m", "bench.raft_peers.pysyncobj_member"]
        for address in addresses:
            data = self._directory / address.replace(":", "-")
            data.mkdir(parents=True)
            others = [other for other in addresses if other != address]
            arguments = [str(data), ",".join(self._modes), address, *others]
            self._members.append(
                start(f"{self.name} {address}", [*program, *arguments], env={"PYTHONPATH": path})
            )
        self._leader()

    def measure(self, in_flight: int, seconds: float) -> Sample:
        """Write through the leader."""
        leader = self._leader()
        if self._inside:
            return sample_of(leader.ask(f"measure {in_flight} {seconds}"))
        (port,) = leader.ask("door")
        return measure(int(port), self._numbers, in_flight, seconds)

    def stop(self) -> None:
        """End the members."""
        while self._members:
            self._members.pop().end()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _leader(self) -> Program:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            for member in self._members:
                if member.ask("leads") == [1]:
                    return member
            time.sleep(POLL_S)
        raise SystemExit(f"{self.name}: no member leads all others")
