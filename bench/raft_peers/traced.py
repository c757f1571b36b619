"""An agent whose Raft actor notes when each step of a commit happens; see `where`.

A note is 16 bytes in a file that is mapped into memory, one file for each process: the time and the
number of the step in `STEPS`.  It costs about a microsecond.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from actors.adapters.bounded_save import BoundedSave
from actors.adapters.raft_store import RaftStore
from actors.raft import RaftActor
from actors.transport.connection import Connection
from actors.transport.delivery import Delivery
from constellation.raft.host import RaftHost
from constellation.start import main

DIRECTORY_VARIABLE = "TRACE_DIRECTORY"
NOTE = struct.Struct("=QQ")
FILE_BYTES = 16 << 20
# Of each, its begin is noted with 2 * its place in this tuple, its end with one more.
STEPS: tuple[tuple[str, type, str], ...] = (
    ("receive", Connection, "_receive"),
    ("send", Connection, "send"),
    ("step", RaftHost, "next_batch"),
    ("save", BoundedSave, "_wait"),
    ("store", RaftStore, "save"),
    ("message", RaftActor, "receiveMessage"),
)


class Notes:
    """The notes of this process; none until it is known that it is the one of Raft."""

    def __init__(self) -> None:
        self._file: mmap.mmap | None = None
        self._at = 0

    def open(self, name: str) -> None:
        """Begin to keep notes."""
        path = Path(os.environ[DIRECTORY_VARIABLE]) / name
        path.write_bytes(b"")
        os.truncate(path, FILE_BYTES)
        with path.open("r+b") as file:
            self._file, self._at = mmap.mmap(file.fileno(), FILE_BYTES), 0

    def forget(self) -> None:
        """In a forked process: the notes are those of the parent."""
        self._file = None

    def add(self, number: int) -> None:
        """Note that a step begins or ends now."""
        if self._file is not None and self._at < FILE_BYTES:
            NOTE.pack_into(self._file, self._at, time.perf_counter_ns(), number)
            self._at += NOTE.size


NOTES = Notes()


def noted(function: Callable[..., Any], begin: int) -> Callable[..., Any]:
    """Return `function` with notes of its begin and its end."""

    def run(*arguments: Any, **named: Any) -> Any:
        NOTES.add(begin)
        try:
            return function(*arguments, **named)
        finally:
            NOTES.add(begin + 1)

    return run


def note_all_steps() -> None:
    """Have every step noted, in the processes that are part of a commit."""
    for place, (_, kind, method) in enumerate(STEPS):
        setattr(kind, method, noted(getattr(kind, method), 2 * place))
    claim = Delivery.claim_name

    def claim_name(self: Delivery, name: str) -> None:
        claim(self, name)
        if name == "raft":
            NOTES.open(self.settings.host)

    setattr(Delivery, "claim_name", claim_name)  # noqa: B010


@contextlib.contextmanager
def directory(path: Path) -> Iterator[Path]:
    """Have the agents that are started meanwhile leave their notes in a new directory."""
    path.mkdir()
    os.environ[DIRECTORY_VARIABLE] = str(path)
    try:
        yield path
    finally:
        del os.environ[DIRECTORY_VARIABLE]


if __name__ == "__main__":
    note_all_steps()
    os.register_at_fork(after_in_child=NOTES.forget)
    sys.exit(main())
