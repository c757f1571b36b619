"""One PySyncObj member, and on the leader the client too.  See `bench.raft_peers.pysyncobj`.

`pysyncobj_member DIRECTORY MODES ADDRESS OTHER...` answers a line to each line:
`leads` with 1 when it is the leader and has all others, else 0; `measure IN_FLIGHT SECONDS`
with how long it ran and the latency of each write; `door` with the port for a client in another
process.  It ends with its standard input.
MODES are joined by a comma: `synced` or `shipped`, `batched` or `at_once`.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pysyncobj.syncobj
from pysyncobj import SyncObj, SyncObjConf, replicated
from pysyncobj.journal import FileJournal
from pysyncobj.transport import TCPTransport

from bench.raft_peers.cluster import KEY_BYTES, VALUE_BYTES
from bench.raft_peers.pysyncobj_client import Door

VALUE = "v" * VALUE_BYTES
LIMIT_S = 30.0  # beyond the time of measuring
NEVER = 10**9
AT_ONCE = {"appendEntriesUseBatch": False}
BATCHED = {"appendEntriesUseBatch": True, "appendEntriesPeriod": 0.001, "autoTickPeriod": 0.001}


class SyncedJournal(FileJournal):
    """A journal that knows whether something was added since it was last on the disk."""

    current: SyncedJournal  # a process has one

    def __init__(self, file_name: str) -> None:
        self._is_dirty = True
        self._files = [Path(file_name).parent, Path(f"{file_name}.meta")]
        super().__init__(file_name)
        SyncedJournal.current = self

    def setCurrentTerm(self, term: int, votedForNodeId: Any) -> None:  # noqa: N803
        """Make term and vote durable before any message says them."""
        super().setCurrentTerm(term, votedForNodeId)
        for path in reversed(self._files):
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.close(file)

    def add(self, command: bytes, idx: int, term: int) -> None:
        super().add(command, idx, term)
        self._is_dirty = True

    def sync(self) -> None:
        """Return when all that was added is on the disk; mmap's flush is msync(MS_SYNC)."""
        if self._is_dirty:
            self._is_dirty = False
            self.flush()


class SyncedTransport(TCPTransport):
    """Keeps a follower's word that it has entries until they are on its disk."""

    def __init__(self, store: SyncObj, node: Any, others: Any) -> None:
        self._kept: list[tuple[Any, Any]] = []
        super().__init__(store, node, others)
        # It is called at the end of each tick, before the next messages are read.  So the leader
        # syncs while the followers do, and before it reads their answers and counts commits.
        store.addOnTickCallback(self.sync)

    def send(self, node: Any, message: Any) -> Any:
        if message["type"] == "next_node_idx":
            self._kept.append((node, message))
            return True
        return super().send(node, message)

    def sync(self) -> None:
        """Sync once for all that was read in one go, then send what was kept."""
        SyncedJournal.current.sync()
        kept, self._kept = self._kept, []
        for node, message in kept:
            super().send(node, message)


class Store(SyncObj):
    """A replicated dictionary."""

    def __init__(self, directory: Path, address: str, others: list[str], modes: list[str]) -> None:
        self._contents: dict[str, str] = {}
        conf = SyncObjConf(
            journalFile=str(directory / "journal"),
            fullDumpFile=str(directory / "dump"),
            **BATCHED if "batched" in modes else AT_ONCE,
            connectionRetryTime=0.2,
            logCompactionMinEntries=NEVER,
            logCompactionMinTime=NEVER,
        )
        transport = SyncedTransport if "synced" in modes else TCPTransport
        super().__init__(address, others, conf=conf, transportClass=transport)

    @replicated  # type: ignore[untyped-decorator]  # PySyncObj ships no types
    def put(self, key: str, value: str) -> None:
        """Write one key."""
        self._contents[key] = value

    def leads(self) -> bool:
        """Whether this is the leader and all others are connected to it."""
        others = self.otherNodes
        return bool(
            self._isLeader() and self.isReady() and all(self.isNodeConnected(n) for n in others)
        )


class Client:
    """Keeps some writes open; the next one begins in the callback of the one before."""

    def __init__(self, store: Store, in_flight: int, seconds: float) -> None:
        self._store = store
        self._in_flight = in_flight
        self._seconds = seconds
        self._latencies_s: list[float] = []
        self._error: object = None
        self._open = in_flight
        self._is_done = threading.Event()
        self._last_s = 0.0

    def run(self, numbers: itertools.count[int]) -> str:
        """Return the answer."""
        self._numbers = numbers
        began_s = time.perf_counter()
        self._until_s = began_s + self._seconds
        for _ in range(self._in_flight):
            self._put()
        if not self._is_done.wait(self._seconds + LIMIT_S):
            raise SystemExit("pysyncobj: a write was never answered")
        if self._error:
            raise SystemExit(f"pysyncobj: a write failed with reason {self._error}")
        return " ".join(f"{s:.6f}" for s in [self._last_s - began_s, *self._latencies_s])

    def _put(self) -> None:
        began_s = time.perf_counter()
        self._store.put(
            f"{next(self._numbers):0{KEY_BYTES}d}",
            VALUE,
            callback=lambda _, error: self._on_answer(began_s, error),
        )

    def _on_answer(self, began_s: float, error: object) -> None:
        now_s = time.perf_counter()
        if error:
            self._error = error
        else:
            self._latencies_s.append(now_s - began_s)
            if now_s < self._until_s:
                self._put()
                return
        self._last_s = now_s
        self._open -= 1
        if not self._open:
            self._is_done.set()


def main(arguments: list[str]) -> None:
    """Run the member until the standard input ends."""
    logging.disable()  # it would write thousands of lines under load
    directory, modes, address, *others = arguments
    if "synced" in modes.split(","):
        pysyncobj.syncobj.createJournal = SyncedJournal
    store = Store(Path(directory), address, others, modes.split(","))
    numbers = itertools.count()
    door: Door | None = None
    for line in sys.stdin:
        match line.split():
            case ["leads"]:
                answer = str(int(store.leads()))
            case ["measure", in_flight, seconds]:
                answer = Client(store, int(in_flight), float(seconds)).run(numbers)
            case ["door"]:
                door = door or Door(store)
                answer = str(door.port)
            case _:
                raise SystemExit(f"pysyncobj: no such command: {line!r}")
        print(answer, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
