"""Local health: a node that gets no answers first doubts itself (Lifeguard §IV-A)."""

from __future__ import annotations

from dataclasses import dataclass, replace

SCORE_MAX = 7


@dataclass(frozen=True, slots=True)
class Awareness:
    """How much this node doubts itself: 0 is healthy."""

    score: int = 0

    @property
    def local_health_multiplier(self) -> int:
        """What the probe interval is multiplied by."""
        return self.score + 1

    def add(self, points: int) -> Awareness:
        """Return the health after good (negative) or bad `points`."""
        return replace(self, score=min(SCORE_MAX, max(0, self.score + points)))
