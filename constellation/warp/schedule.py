"""When to probe.

Rounds come in intervals, and at once when the container of a gateway starts or ends.  While one is
unhealthy the next round comes sooner: a gateway that has just started connects within seconds.
"""

from __future__ import annotations

RETRY_S = 2.0  # after the first round with an unhealthy gateway; doubles up to the interval
GAP_S = 0.5  # between the begin of two rounds, also while a container restarts all the time


class Schedule:
    """The time of the next round.  `now_s` is monotonic seconds."""

    def __init__(self, interval_s: float, now_s: float) -> None:
        self._interval_s = interval_s
        self._began_s = now_s - GAP_S
        self._ill_rounds = 0
        self._has_moved = False
        self.next_s = now_s

    def began(self, now_s: float) -> None:
        """A round has begun."""
        self._began_s = now_s
        self._has_moved = False

    def ended(self, now_s: float, *, is_well: bool) -> None:
        """The round has ended; `is_well`: all gateways are healthy."""
        wait_s = self._interval_s
        if is_well:
            self._ill_rounds = 0
        else:
            wait_s = min(wait_s, RETRY_S * 2.0 ** min(self._ill_rounds, 16))
            self._ill_rounds += 1
        self.next_s = now_s + wait_s
        if self._has_moved:
            self._hurry()

    def moved(self) -> None:
        """A container has changed; if a round is under way, another one follows it."""
        self._has_moved = True
        self._ill_rounds = 0
        self._hurry()

    def _hurry(self) -> None:
        self.next_s = min(self.next_s, self._began_s + GAP_S)
