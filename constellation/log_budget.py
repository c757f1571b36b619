"""How many lines each kind of event may write, so that nobody outside can fill the disk.

Each kind has a token bucket: `burst` lines at once, then one each `refill_s`.  The next line that
is written says how many of its kind were suppressed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

BURST = 60  # a cluster of some dozens of nodes that starts at once stays below it
REFILL_S = 2.0
KINDS_MAX = 256  # further kinds share one bucket


class Kind(NamedTuple):
    """What is counted together: the events of one name from one module."""

    module: str
    event: str


_REST = Kind("", "")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at_s: float
    suppressed: int = 0


@dataclass(slots=True)
class LogBudget:
    """The lines that one process may still write.  `now_s` is monotonic seconds."""

    burst: int = BURST
    refill_s: float = REFILL_S
    kinds_max: int = KINDS_MAX
    _buckets: dict[Kind, _Bucket] = field(default_factory=dict)

    def spend(self, kind: Kind, now_s: float) -> int | None:
        """Return how many lines of `kind` were suppressed before; None: suppress this one too."""
        if kind not in self._buckets and len(self._buckets) >= self.kinds_max:
            kind = _REST
        bucket = self._buckets.setdefault(kind, _Bucket(self.burst, now_s))
        refilled = (now_s - bucket.filled_at_s) / self.refill_s
        bucket.tokens = min(self.burst, bucket.tokens + max(0.0, refilled))
        bucket.filled_at_s = now_s
        if bucket.tokens < 1.0:
            bucket.suppressed += 1
            return None
        bucket.tokens -= 1.0
        suppressed, bucket.suppressed = bucket.suppressed, 0
        return suppressed
