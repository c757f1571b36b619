"""News over TCP, for the members to which UDP does not pass (`paths`).

What this node says itself goes to all of them.  What it only passes on goes to each with a chance,
so that in a large cluster a few members pass it on and not all.  Changes of membership, and many
records at once, go by a push/pull exchange.
"""

from __future__ import annotations

from collections.abc import Hashable
from random import Random

from constellation.gossip.member import Address
from constellation.gossip.outbox import Effect, OpenPushPull, SendStream
from constellation.gossip.record_codec import pack_records

DELAY_S = 0.005  # combines a burst into one stream
INTERVAL_S = 0.2  # between two streams
EXCHANGE_INTERVAL_S = 1.0
RECORDS_MAX = 64  # at once; more go by an exchange
EXCHANGES_MAX = 8


class DirectNews:
    """What waits to be sent, and when."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._records: dict[Hashable, tuple[bytes, bool]] = {}  # and whether it is our own
        self._exchanges = False
        self._exchange_at_s = float("-inf")
        self._sent_at_s = float("-inf")
        self.due_s: float | None = None

    def put(self, subject: Hashable, encoded: bytes, now_s: float, *, is_own: bool) -> None:
        """Send a record soon."""
        if len(self._records) >= RECORDS_MAX:
            self.exchange(now_s)
            return
        self._records[subject] = (encoded, is_own)
        self._wake(max(now_s + DELAY_S, self._sent_at_s + INTERVAL_S))

    def exchange(self, now_s: float) -> None:
        """Begin an exchange soon, but not the next one at once."""
        self._exchanges = True
        self._wake(max(now_s + DELAY_S, self._exchange_at_s + EXCHANGE_INTERVAL_S))

    def on_time(self, to: list[Address], now_s: float, *, chance: float) -> list[Effect]:
        """Return what must be sent now to the members `to`."""
        if self.due_s is None or self.due_s > now_s:
            return []
        self.due_s = None
        effects: list[Effect] = []
        if self._exchanges and now_s >= self._exchange_at_s + EXCHANGE_INTERVAL_S:
            self._exchanges, self._exchange_at_s = False, now_s
            some = self._random.sample(to, min(len(to), EXCHANGES_MAX))
            effects += [OpenPushPull(one, join=False) for one in some]
        elif self._exchanges:
            self._wake(self._exchange_at_s + EXCHANGE_INTERVAL_S)
        records, self._records = list(self._records.values()), {}
        for one in to if records else []:
            passes_on = self._random.random() < chance
            batch = [encoded for encoded, is_own in records if is_own or passes_on]
            if batch:
                effects.append(SendStream(one, pack_records(batch)))
                self._sent_at_s = now_s
        return effects

    def _wake(self, due_s: float) -> None:
        self.due_s = due_s if self.due_s is None else min(self.due_s, due_s)
