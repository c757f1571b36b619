"""The queue of broadcasts: each is sent O(log n) times, the least sent first (SWIM §4.1).

A broadcast has a rank, and an author.  Lower ranks come first, and within a rank the authors take
turns: one that says much delays only itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from heapq import nlargest
from math import ceil, log10

PART_OVERHEAD_BYTES = 2  # a part's length in a compound
ROOM_SHARE = 64  # one in this many is dropped when the queue is full
AUTHOR_ITEMS_MAX = 512  # push/pull exchanges carry the rest


def transmits_max(multiplier: int, members: int) -> int:
    """Return how many times a node sends each broadcast in a cluster of `members`."""
    return multiplier * ceil(log10(members + 1))


@dataclass(slots=True)
class _News:
    body: bytes
    number: int  # the newest has the highest
    rank: int
    author: str
    transmits: int = 0


class BroadcastQueue:
    """Broadcasts by subject: a newer broadcast replaces the older one of its subject.

    It holds at most `items_max`, and `AUTHOR_ITEMS_MAX` of an author; beyond that, the most sent
    ones are dropped.
    """

    def __init__(self, *, items_max: int) -> None:
        self._items_max = items_max
        self._news: dict[Hashable, _News] = {}
        self._counts: Counter[str] = Counter()  # broadcasts by author
        self._number = 0
        self.fresh = False  # a broadcast was queued since this was last cleared

    def __len__(self) -> int:
        return len(self._news)

    def __contains__(self, subject: Hashable) -> bool:
        return subject in self._news

    def put(self, subject: Hashable, body: bytes, *, rank: int = 0, author: str = "") -> None:
        """Queue `body` in place of the previous broadcast about `subject`.

        Without an author it is one of its own.
        """
        self._drop(subject)
        if author and self._counts[author] >= AUTHOR_ITEMS_MAX:
            self._make_room(AUTHOR_ITEMS_MAX, author)
        elif len(self._news) >= self._items_max:
            self._make_room(self._items_max)
        self.fresh = True
        self._number += 1
        self._news[subject] = _News(body, self._number, rank, author)
        if author:
            self._counts[author] += 1

    def _make_room(self, items_max: int, author: str = "") -> None:
        """Drop the most sent broadcasts, several at once because a scan of the queue is slow."""
        count = max(1, items_max // ROOM_SHARE)
        of_author = [one for one in self._news if not author or self._news[one].author == author]

        def wear(subject: Hashable) -> tuple[int, int]:
            return self._news[subject].rank, self._news[subject].transmits

        for subject in nlargest(count, of_author, key=wear):
            self._drop(subject)

    def _drop(self, subject: Hashable) -> None:
        news = self._news.pop(subject, None)
        if news is not None and news.author:
            self._counts[news.author] -= 1
            if not self._counts[news.author]:
                del self._counts[news.author]

    def _in_order(self) -> list[tuple[Hashable, _News]]:
        order = sorted(
            self._news.items(),
            key=lambda item: (item[1].transmits, -len(item[1].body), -item[1].number),
        )
        if not self._counts:
            return order
        before: Counter[str] = Counter()
        turns: dict[Hashable, tuple[int, int]] = {}
        for subject, news in order:
            turns[subject] = news.rank, news.transmits + before[news.author]
            before[news.author] += bool(news.author)
        return sorted(order, key=lambda item: turns[item[0]])

    def take_parts(
        self, budget_bytes: int, *, limit: int, parts_max: int = 255, first_limit: int = 0
    ) -> list[bytes]:
        """Return the broadcasts to send now in `budget_bytes`, and count each as sent once more.

        A broadcast that was sent `limit` times is removed; one of an author that has the first
        rank, once it was also sent `first_limit` times.
        """
        chosen: list[bytes] = []
        for subject, news in self._in_order():
            size = len(news.body) + PART_OVERHEAD_BYTES
            if size > budget_bytes or len(chosen) >= parts_max:
                continue
            budget_bytes -= size
            chosen.append(news.body)
            news.transmits += 1
            is_first = news.author and not news.rank
            if news.transmits >= (max(limit, first_limit) if is_first else limit):
                self._drop(subject)
        return chosen
