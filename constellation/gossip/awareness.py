"""Local health: a node that gets no answers first doubts itself (Lifeguard §IV-A)."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Awareness:
    """How much this node doubts itself: 0 is healthy."""

    score: int = 0
    multiplier_max: int = 8

    @property
    def local_health_multiplier(self) -> int:
        """What the probe interval is multiplied by."""
        return self.score + 1

    def adjusted_by(self, points: int) -> Awareness:
        """Return the health after good (negative) or bad `points`."""
        return replace(self, score=min(self.multiplier_max - 1, max(0, self.score + points)))
