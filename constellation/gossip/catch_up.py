"""Extra push/pull exchanges, for more records at once than broadcasts should carry.

Every node sends each broadcast O(log n) times, even to members that have it already.  That is right
for one record, and too much for the fifty that a node publishes when it starts.  A push/pull
exchange carries what the other side is missing and little else, and works in both directions.  So a
batch of records is sent by a few exchanges with random members, in quick succession, and a member
that receives a batch passes it on in the same way.
"""

from __future__ import annotations

RECORDS_MIN = 16  # at once; fewer are broadcast
EXCHANGES = 3  # with random members; regular exchanges reach the members that these miss
INTERVAL_S = 0.25
DELAY_S = 0.02  # combines a burst into one exchange


class CatchUp:
    """When the next extra exchange is due."""

    def __init__(self) -> None:
        self.due_s: float | None = None
        self._left = 0
        self._last_s = float("-inf")

    def begin(self, now_s: float) -> None:
        """Schedule a series of exchanges: a batch of records has arrived."""
        self._left = EXCHANGES
        if self.due_s is None:
            self.due_s = max(now_s + DELAY_S, self._last_s + INTERVAL_S)

    def is_due(self, now_s: float) -> bool:
        """Return whether an exchange is due now, and schedule the next one."""
        if self.due_s is None or self.due_s > now_s:
            return False
        self._left -= 1
        self._last_s = now_s
        self.due_s = now_s + INTERVAL_S if self._left else None
        return True
