"""The timers of one member as values, and their deadlines.  The shell sleeps until `next_due_s`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from heapq import heapify, heappop, heappush
from itertools import count

from constellation.value import Value

STALE_MAX = 1024  # cancelled entries that may wait in the heap before it is rebuilt


class Alarm(Enum):
    """A timer of which a member has one."""

    PROBE = auto()  # begin the next probe
    PROBE_TIMEOUT = auto()  # no direct ack came: ask others to probe
    PROBE_DEADLINE = auto()  # no ack came at all: suspect the target
    GOSSIP = auto()  # send broadcasts to some members
    PUSH_PULL = auto()  # exchange whole states with one member
    REJOIN = auto()  # look for seeds and lost members
    GREET = auto()  # greet members that were never heard
    RECLAIM = auto()  # broadcast the own claim again, once the name is free


class SuspicionEnds(Value):
    """Declare a suspect dead."""

    member: str


class RemindSuspect(Value):
    """Send a suspect the accusation directly, so that it can refute it."""

    member: str


class RecheckRefused(Value):
    """Probe a suspect again whose host refused a connection."""

    member: str


class RelayNack(Value):
    """Send a nack: the target of an indirect probe has not answered yet."""

    seq_no: int


class RelayEnds(Value):
    """Forget an indirect probe: its requester does not wait any more."""

    seq_no: int


Timer = Alarm | SuspicionEnds | RemindSuspect | RecheckRefused | RelayNack | RelayEnds


class Timers:
    """At most one deadline per timer; setting it again moves it."""

    def __init__(self) -> None:
        self._due: dict[Timer, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._due)

    def set(self, timer: Timer, due_s: float) -> None:
        """Make `timer` due at `due_s`."""
        entry = (due_s, next(self._numbers))
        self._due[timer] = entry
        heappush(self._heap, (*entry, timer))
        if len(self._heap) > 2 * len(self._due) + STALE_MAX:
            self._heap = [(*due, key) for key, due in self._due.items()]
            heapify(self._heap)

    def cancel(self, timer: Timer) -> None:
        """Forget the deadline of `timer`.  Idempotent."""
        self._due.pop(timer, None)

    def due_s(self, timer: Timer) -> float | None:
        """When `timer` is due; None if it is not set."""
        entry = self._due.get(timer)
        return entry[0] if entry else None

    @property
    def next_due_s(self) -> float | None:
        """The earliest deadline; None if no timer is set."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][:2]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now_s: float) -> Iterator[Timer]:
        """Yield and forget each timer that is due, the earliest first."""
        while (due_s := self.next_due_s) is not None and due_s <= now_s:
            timer = heappop(self._heap)[2]
            del self._due[timer]
            yield timer
