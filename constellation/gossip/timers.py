"""Named deadlines of a core.  The shell sleeps until `next_due_s`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count

STALE_MAX = 1024  # cancelled entries that may wait in the heap before it is built anew


class Timers:
    """At most one deadline a name; setting it again moves it."""

    def __init__(self) -> None:
        self._due: dict[Hashable, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._numbers = count()

    def set(self, name: Hashable, due_s: float) -> None:
        """Let `name` be due at `due_s`."""
        entry = (due_s, next(self._numbers))
        self._due[name] = entry
        heappush(self._heap, (*entry, name))
        if len(self._heap) > 2 * len(self._due) + STALE_MAX:
            self._heap = [(*due, key) for key, due in self._due.items()]
            heapify(self._heap)

    def cancel(self, name: Hashable) -> None:
        """Forget `name`.  Safe to repeat."""
        self._due.pop(name, None)

    def due_s(self, name: Hashable) -> float | None:
        """When `name` is due; None if it is not set."""
        entry = self._due.get(name)
        return entry[0] if entry else None

    @property
    def next_due_s(self) -> float | None:
        """The earliest deadline; None if there is none."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][:2]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now_s: float) -> Iterator[Hashable]:
        """Yield and forget each name that is due, the earliest first."""
        while (due_s := self.next_due_s) is not None and due_s <= now_s:
            name = heappop(self._heap)[2]
            del self._due[name]
            yield name
