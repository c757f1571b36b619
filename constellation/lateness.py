"""How late this process itself is, and so how patient it must be with others (Lifeguard §IV-A).

A process that waits for the processor sees everyone else as late.  It must not hold that against
them: restarts and elections would only add to the load.  Each late tick raises a score, and each
`RECOVERY_S` without one lowers it.
"""

from __future__ import annotations

from dataclasses import dataclass

LATE_S = 0.25  # a tick that comes later than this is late
LATE_PER_POINT_S = 1.0  # each second of lateness counts as one more late tick, up to
POINTS_MAX = 3  # since a machine that was suspended once is not busy
RECOVERY_S = 5.0
PATIENCE_MAX = 8


@dataclass(slots=True)
class Lateness:
    """The lateness of one process that asks to be called each `interval_s`."""

    interval_s: float
    _score: int = 0
    _ticked_at_s: float | None = None
    _judged_at_s: float = 0.0  # when the score changed last

    @property
    def patience(self) -> int:
        """The factor of this process's timeouts: 1 if it is on time."""
        return 1 + self._score

    def worked(self, seconds: float) -> None:
        """Excuse time of a call of this process itself, such as one of a slow disk."""
        if self._ticked_at_s is not None:
            self._ticked_at_s += seconds

    def ticked(self, now_s: float) -> float:
        """Return by how many seconds this tick is late; 0.0 if it is on time."""
        before_s, self._ticked_at_s = self._ticked_at_s, now_s
        late_s = 0.0 if before_s is None else now_s - before_s - self.interval_s
        if late_s >= LATE_S:
            points = min(POINTS_MAX, 1 + int(late_s / LATE_PER_POINT_S))
            self._score = min(PATIENCE_MAX - 1, self._score + points)
            self._judged_at_s = now_s
            return late_s
        if self._score and now_s - self._judged_at_s >= RECOVERY_S:
            self._score -= 1
            self._judged_at_s = now_s
        return 0.0
