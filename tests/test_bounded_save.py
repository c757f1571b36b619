"""Calls of the disk that the caller waits for, or lets run while it does something else."""

from __future__ import annotations

import threading

import pytest

from actors.adapters.bounded_save import BoundedSave
from constellation.errors import AdapterError

LIMIT_S = 10.0


def test_caller_goes_on_while_a_call_that_it_began_runs() -> None:
    disk, may_end = BoundedSave("/data/journal"), threading.Event()

    wait = disk.begin(lambda: may_end.wait(LIMIT_S))

    assert disk.hangs, "the call is under way, and the caller is here"
    may_end.set()
    assert wait() is True
    assert not disk.hangs


def test_call_is_not_begun_while_another_one_is_under_way() -> None:
    disk, may_end = BoundedSave("/data/journal"), threading.Event()
    wait = disk.begin(lambda: may_end.wait(LIMIT_S))
    begun: list[str] = []

    with pytest.raises(AdapterError, match="the disk has not answered"):
        disk.begin(lambda: begun.append("second"))

    may_end.set()
    wait()
    disk.run(lambda: begun.append("third"))
    assert begun == ["third"]
