"""How long a process may be silent before it counts as hung.

Starved is not hung: the time that a silent process, or the one that listens to it, has waited for
the processor is excused, up to a limit.  A restart would only add to the load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from constellation.lateness import PATIENCE_MAX

EXCUSED_MAX = PATIENCE_MAX - 1  # timeouts for which a process may wait for the processor
SUSPECTED_AFTER = 1 / 3  # of its timeout; from then on its waiting is measured

# Returns for how many seconds a process, given by its id, has waited for the processor in its life.
WaitedSeconds = Callable[[int], float]


@dataclass(slots=True)
class Silence:
    """The silence of one process.  `now_s` is monotonic seconds."""

    since_s: float = 0.0
    _late_s: float = 0.0  # for which who listens has not run
    _waited_s: float | None = None  # when it was first suspected; None: it is not suspected
    _excused_s: float = 0.0  # as of the last look

    def end(self, now_s: float) -> None:
        """It was heard."""
        self.since_s, self._late_s, self._waited_s, self._excused_s = now_s, 0.0, None, 0.0

    def excuse(self, late_s: float) -> None:
        """Who listens has not run for so long: answers may wait in its inbox."""
        self._late_s += late_s

    def next_look_s(self, timeout_s: float) -> float:
        """Return when `is_hang` may return something else than at the last look."""
        if self._waited_s is None:
            return self.since_s + timeout_s * SUSPECTED_AFTER
        return self.since_s + timeout_s + min(self._excused_s, EXCUSED_MAX * timeout_s)

    def is_hang(
        self, timeout_s: float, process_id: int, waited_s: WaitedSeconds, now_s: float
    ) -> bool:
        """Return whether it lasts longer than waiting for the processor explains."""
        if now_s < self.next_look_s(timeout_s):
            return False
        if self._waited_s is None:
            self._waited_s = waited_s(process_id)
        if now_s < self.since_s + timeout_s:
            return False
        self._excused_s = self._late_s + max(0.0, waited_s(process_id) - self._waited_s)
        return now_s >= self.next_look_s(timeout_s)
