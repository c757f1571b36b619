"""Reads that are as new as their question, on any member (Raft §8, thesis §6.4).

The leader confirms that it still leads; another member asks it for its commit index, and waits
until it has applied as much itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

READ_TIMEOUT_S = 1.5
READS_MAX = 256


@dataclass(frozen=True, slots=True)
class ReadDone:
    """Effect: answer who asked for a read, from the state machine as it is now."""

    asker: str
    number: int  # the asker's
    is_confirmed: bool


@dataclass(slots=True)
class _Read:
    done: Callable[[bool], None]  # with whether it is confirmed
    due_s: float
    index: int | None = None  # to be applied first; None: not known yet


class Reads:
    """Reads that wait.  Each ends once: confirmed, or not."""

    def __init__(self) -> None:
        self._open: dict[int, _Read] = {}
        self._last = 0

    def add_read(self, done: Callable[[bool], None], now_s: float) -> int:
        """Remember a read; return the number by which it is known here."""
        self._last += 1
        self._open[self._last] = _Read(done, now_s + READ_TIMEOUT_S)
        if len(self._open) > READS_MAX:
            self.end(next(iter(self._open)), is_confirmed=False)
        return self._last

    def wait_for(self, number: int, index: int) -> None:
        """Let a read end when that much is applied."""
        if number in self._open:
            self._open[number].index = index

    def applied(self, index: int) -> None:
        """End the reads that waited for this."""
        for number, read in list(self._open.items()):
            if read.index is not None and read.index <= index:
                self.end(number, is_confirmed=True)

    def end(self, number: int, *, is_confirmed: bool) -> None:
        """End one, if it has not ended."""
        read = self._open.pop(number, None)
        if read is not None:
            read.done(is_confirmed)

    def tick(self, now_s: float) -> None:
        """End those that take too long."""
        for number, read in list(self._open.items()):
            if now_s >= read.due_s:
                self.end(number, is_confirmed=False)
