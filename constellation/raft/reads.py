"""Linearizable reads on any member (Raft §8, thesis §6.4).

The leader confirms that it still leads.  Another member asks the leader for its commit index, and
waits until it has applied that index itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from constellation.value import Value

READ_TIMEOUT_S = 1.5
READS_MAX = 256


class ReadDone(Value):
    """Effect: answer a read from the current state machine."""

    asker: str
    number: int  # chosen by the asker
    is_confirmed: bool


@dataclass(slots=True)
class _Read:
    done: Callable[[bool], None]  # called with whether the read is confirmed
    due_s: float
    index: int | None = None  # must be applied first; None: not known yet


class Reads:
    """Pending reads.  Each ends exactly once, confirmed or not."""

    def __init__(self) -> None:
        self._open: dict[int, _Read] = {}
        self._last = 0

    def add_read(self, done: Callable[[bool], None], now_s: float) -> int:
        """Add a read; return the number that identifies it here."""
        self._last += 1
        self._open[self._last] = _Read(done, now_s + READ_TIMEOUT_S)
        if len(self._open) > READS_MAX:
            self.end(next(iter(self._open)), is_confirmed=False)
        return self._last

    def wait_for(self, number: int, index: int) -> None:
        """End a read once `index` is applied."""
        if number in self._open:
            self._open[number].index = index

    def applied(self, index: int) -> None:
        """End the reads that waited for `index` or less."""
        for number, read in list(self._open.items()):
            if read.index is not None and read.index <= index:
                self.end(number, is_confirmed=True)

    def end(self, number: int, *, is_confirmed: bool) -> None:
        """End a read, if it has not ended."""
        read = self._open.pop(number, None)
        if read is not None:
            read.done(is_confirmed)

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next: the oldest read times out first."""
        return next((read.due_s for read in self._open.values()), math.inf)

    def tick(self, now_s: float) -> None:
        """End the reads that have timed out."""
        for number, read in list(self._open.items()):
            if now_s >= read.due_s:
                self.end(number, is_confirmed=False)
