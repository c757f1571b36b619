"""Saves are retried until the disk takes them, and do not block the caller."""

from __future__ import annotations

import asyncio
import threading

import pytest

from actors.adapters import retried_save
from actors.adapters.retried_save import RETRY_MAX_S, RetriedSave
from constellation.errors import AdapterError


class Disk:
    """A file that refuses while `error` is set, and hangs while `works` is not."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.works = threading.Event()
        self.works.set()
        self.attempts: list[str] = []
        self.content = ""

    def save(self, value: str) -> None:
        self.attempts.append(value)
        self.works.wait(10)
        if self.error is not None:
            raise self.error
        self.content = value


FULL = AdapterError("f cannot be written", why="the disk is full", fix="free space")


def test_saved_value_is_not_written_again() -> None:
    disk = Disk()

    async def scenario() -> None:
        saver = RetriedSave("it", disk.save, "a")
        assert await saver.keep("a", 0.0)
        assert await saver.keep("b", 0.0)
        assert await saver.keep("b", 0.0)

    asyncio.run(scenario())

    assert disk.attempts == ["b"]


def test_refused_save_is_retried_with_back_off_until_the_newest_value_is_saved() -> None:
    disk = Disk()
    disk.error = FULL

    async def scenario() -> RetriedSave[str]:
        saver = RetriedSave("it", disk.save, "a")
        assert not await saver.keep("b", 0.0)
        assert saver.problem is FULL
        for tenth in range(1, 200):
            assert not await saver.keep(f"at {tenth / 10}", tenth / 10)
        disk.error = None
        assert await saver.keep("c", 20.0 + RETRY_MAX_S)
        return saver

    saver = asyncio.run(scenario())

    assert disk.attempts == [
        "b",
        "at 1.0",
        "at 3.0",
        "at 7.0",
        "at 11.0",
        "at 15.0",
        "at 19.0",
        "c",
    ]
    assert (disk.content, saver.problem, saver.failures) == ("c", None, 7)


def test_after_a_refusal_even_an_unchanged_value_is_saved_to_test_the_disk() -> None:
    disk = Disk()
    disk.error = FULL

    async def scenario() -> None:
        saver = RetriedSave("it", disk.save, "a")
        assert not await saver.keep("b", 0.0)
        assert not await saver.keep("a", 1.0)
        disk.error = None
        assert await saver.keep("a", 60.0)
        assert saver.problem is None

    asyncio.run(scenario())

    assert disk.attempts == ["b", "a", "a"]


def test_hanging_save_counts_as_failed_and_no_second_one_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retried_save, "PATIENCE_S", 0.05)
    disk = Disk()
    disk.works.clear()

    async def scenario() -> None:
        saver = RetriedSave("the memory", disk.save, "a")
        assert not await saver.keep("b", 0.0)
        assert saver.problem is not None
        assert "has not answered" in str(saver.problem)
        assert not await saver.keep("c", 60.0)
        assert disk.attempts == ["b"]
        disk.works.set()
        assert await saver.keep("c", 120.0)
        assert saver.problem is None

    asyncio.run(scenario())

    assert (disk.attempts, disk.content) == (["b", "c"], "c")


def test_unexpected_exception_is_raised() -> None:
    disk = Disk()
    disk.error = ValueError("a bug")

    async def scenario() -> None:
        await RetriedSave("it", disk.save, "a").keep("b", 0.0)

    with pytest.raises(ValueError, match="a bug"):
        asyncio.run(scenario())
