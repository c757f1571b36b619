"""The queue of broadcasts: each is sent O(log n) times, the least sent first (SWIM §4.1)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from heapq import nlargest
from math import ceil, log10

PART_OVERHEAD_BYTES = 2  # a part's length in a compound
ROOM_SHARE = 64  # one in this many is dropped when the queue is full


def transmits_max(multiplier: int, members: int) -> int:
    """Return how many times a node sends each broadcast in a cluster of `members`."""
    return multiplier * ceil(log10(members + 1))


@dataclass(slots=True)
class _News:
    body: bytes
    number: int  # the newest has the highest
    transmits: int = 0


class BroadcastQueue:
    """Broadcasts by subject: a newer broadcast replaces the older one of its subject.

    It holds at most `items_max`; beyond that, the most sent ones are dropped.
    """

    def __init__(self, *, items_max: int) -> None:
        self._items_max = items_max
        self._news: dict[Hashable, _News] = {}
        self._number = 0
        self.fresh = False  # a broadcast was queued since this was last cleared

    def __len__(self) -> int:
        return len(self._news)

    def __contains__(self, subject: Hashable) -> bool:
        return subject in self._news

    def put(self, subject: Hashable, body: bytes) -> None:
        """Queue `body` in place of the previous broadcast about `subject`."""
        if subject not in self._news and len(self._news) >= self._items_max:
            self._make_room()
        self.fresh = True
        self._number += 1
        self._news[subject] = _News(body, self._number)

    def _make_room(self) -> None:
        """Drop the most sent broadcasts, several at once because a scan of the queue is slow."""
        count = max(1, self._items_max // ROOM_SHARE)
        worn = nlargest(count, self._news, key=lambda subject: self._news[subject].transmits)
        for subject in worn:
            del self._news[subject]

    def take_parts(self, budget_bytes: int, *, limit: int, parts_max: int = 255) -> list[bytes]:
        """Return the broadcasts to send now in `budget_bytes`, and count each as sent once more.

        A broadcast that was sent `limit` times is removed.
        """
        chosen: list[bytes] = []
        order = sorted(
            self._news.items(),
            key=lambda item: (item[1].transmits, -len(item[1].body), -item[1].number),
        )
        for subject, news in order:
            size = len(news.body) + PART_OVERHEAD_BYTES
            if size > budget_bytes or len(chosen) >= parts_max:
                continue
            budget_bytes -= size
            chosen.append(news.body)
            news.transmits += 1
            if news.transmits >= limit:
                del self._news[subject]
        return chosen
