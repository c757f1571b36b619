"""How late this process itself is, and so how patient it must be with others (Lifeguard §IV-A).

A process that waits for the processor sees everyone else as late.  It must not hold that against
them: restarts and elections would only add to the load.  It is late when it is woken after the time
for which it asked.  Each late wakeup raises a score, and each `RECOVERY_S` without one lowers it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LATE_S = 0.25  # a wakeup that comes later than this is late
LATE_PER_POINT_S = 1.0  # each second of lateness counts as one more late wakeup, up to
POINTS_MAX = 3  # since a machine that was suspended once is not busy
RECOVERY_S = 5.0
PATIENCE_MAX = 8


@dataclass(slots=True)
class Lateness:
    """The lateness of one process.  `now_s` is monotonic seconds."""

    due_s: float = math.inf  # when it asked to be woken
    _score: int = 0
    _excused_s: float = 0.0
    _judged_at_s: float = 0.0  # when the score changed last

    @property
    def patience(self) -> int:
        """The factor of this process's timeouts: 1 if it is on time."""
        return 1 + self._score

    def expect(self, due_s: float) -> None:
        """It asks to be woken at `due_s`, and not at another time before."""
        self.due_s, self._excused_s = due_s, 0.0

    def worked(self, began_s: float, now_s: float) -> None:
        """Excuse the time of a call of this process itself, such as one of a slow disk."""
        self._excused_s += max(0.0, now_s - max(began_s, self.due_s))

    def woken(self, now_s: float) -> float:
        """Return by how many seconds it is late; 0.0 if it is on time."""
        late_s = now_s - self.due_s - self._excused_s
        if late_s >= LATE_S:
            points = min(POINTS_MAX, 1 + int(late_s / LATE_PER_POINT_S))
            self._score = min(PATIENCE_MAX - 1, self._score + points)
            self._judged_at_s = now_s
            return late_s
        if self._score and now_s - self._judged_at_s >= RECOVERY_S:
            self._score -= 1
            self._judged_at_s = now_s
        return 0.0
