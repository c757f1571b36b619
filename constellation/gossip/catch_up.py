"""Whole exchanges out of turn, when there is more to tell than news can carry.

News of one record are sent O(log n) times by every node, whoever has them already: right for one,
too much for the fifty that a node has when it starts.  An exchange carries what the other side
lacks and little else, and goes both ways.  So many records at once are told by exchanges with
random members instead, soon one after another, and whoever gets as many passes them on so.
"""

from __future__ import annotations

RECORDS_MIN = 16  # at once, to be told by exchanges
EXCHANGES = 3  # each with another member; what they miss the next regular one brings
INTERVAL_S = 0.25
DELAY_S = 0.02  # lets a burst become one


class CatchUp:
    """When to begin an exchange out of turn."""

    def __init__(self) -> None:
        self.due_s: float | None = None
        self._left = 0
        self._last_s = float("-inf")

    def begin(self, now_s: float) -> None:
        """There is much to tell."""
        self._left = EXCHANGES
        if self.due_s is None:
            self.due_s = max(now_s + DELAY_S, self._last_s + INTERVAL_S)

    def is_due(self, now_s: float) -> bool:
        """Return whether to begin one now; the next is due later then."""
        if self.due_s is None or self.due_s > now_s:
            return False
        self._left -= 1
        self._last_s = now_s
        self.due_s = now_s + INTERVAL_S if self._left else None
        return True
