"""Received records that are not merged yet: each author in turn, so that none waits for another.

Checking one record takes about 0.15 ms, and one exchange may carry tens of thousands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from constellation.gossip.member import Address
from constellation.gossip.record_codec import SignedRecord
from constellation.gossip.record_room import AUTHOR_RECORDS_MAX

AUTHOR_WAITING_MAX = 2 * AUTHOR_RECORDS_MAX
STRANGERS_WAITING_MAX = 4096  # while so many records wait, those of no members are refused


@dataclass(slots=True)
class ExchangeEnd:
    """An exchange whose records wait: once they are merged, the peer gets what it is missing."""

    peer: Address
    digests: Mapping[str, bytes]
    waiting: int = 0


class Backlog:
    """Records by author."""

    def __init__(self, is_member: Callable[[str], bool]) -> None:
        self._is_member = is_member
        self._waiting: dict[str, deque[tuple[SignedRecord, ExchangeEnd | None]]] = {}
        self._ended: list[ExchangeEnd] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count + len(self._ended)

    def put(self, records: Iterable[SignedRecord], end: ExchangeEnd | None = None) -> int:
        """Add records, and the end of their exchange; return how many found no room."""
        refused = 0
        for record in records:
            if not self._has_room(record.node):
                refused += 1
                continue
            self._waiting.setdefault(record.node, deque()).append((record, end))
            self._count += 1
            if end is not None:
                end.waiting += 1
        if end is not None and not end.waiting:
            self._ended.append(end)
        return refused

    def take(self, count: int) -> tuple[list[SignedRecord], list[ExchangeEnd]]:
        """Return up to `count` records, one of each author in turn, and the exchanges that end."""
        taken: list[SignedRecord] = []
        while self._waiting and len(taken) < count:
            author = next(iter(self._waiting))
            queue = self._waiting.pop(author)
            record, end = queue.popleft()
            taken.append(record)
            if queue:
                self._waiting[author] = queue  # at the end of the line
            if end is not None:
                end.waiting -= 1
                if not end.waiting:
                    self._ended.append(end)
        self._count -= len(taken)
        ended, self._ended = self._ended, []
        return taken, ended

    def _has_room(self, author: str) -> bool:
        if self._is_member(author):
            return len(self._waiting.get(author, ())) < AUTHOR_WAITING_MAX
        return self._count < STRANGERS_WAITING_MAX  # members first
