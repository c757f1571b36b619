"""A store with two entries, and how tests close, open and break one."""

from __future__ import annotations

import errno
import os

import pytest

from actors.adapters.raft_store import RaftStore
from constellation.raft.effects import SaveEntries, SaveHardState
from messages.raft import RaftHardState
from tests.raft.saving_process import entry

TERM_1 = SaveHardState(RaftHardState(term=1, voted_for="a"))
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")
INPUT_OUTPUT = OSError(errno.EIO, "Input/output error")


class KilledError(BaseException):
    """Ends the code under test where a crash would: nobody tidies up."""


def saved(first: int, last: int) -> SaveEntries:
    """Return what saves these entries."""
    return SaveEntries(tuple(entry(index) for index in range(first, last + 1)))


def reopened(store: RaftStore) -> RaftStore:
    """Return the store of the next life."""
    directory = store._path.parent
    store.close()
    return RaftStore.open(directory)


def failing_once(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    """Let the next call of `os.name` fail, having written half if it writes."""
    failing(monkeypatch, name, error, times=1)


def full_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no space for the next record, neither with room after it nor alone."""
    failing(monkeypatch, "pwrite", NO_SPACE, times=2)


def failing(
    monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException, *, times: int
) -> None:
    """Let the next calls of `os.name` fail, each having written half if it writes."""
    real = getattr(os, name)
    left = [None] * times

    def fail(file: int, *rest: bytes | int) -> None:
        left.pop()
        if not left:
            monkeypatch.setattr(os, name, real)
        if name == "pwrite":
            data, offset = rest
            real(file, bytes(data)[: len(bytes(data)) // 2], offset)
        raise error

    monkeypatch.setattr(os, name, fail)
