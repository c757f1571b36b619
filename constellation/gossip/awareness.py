"""Local health: a node that gets no answers suspects itself first (Lifeguard §IV-A)."""

from __future__ import annotations

from msgspec.structs import replace

from constellation.value import Value


class Awareness(Value):
    """The local health score: 0 is healthy."""

    score: int = 0
    multiplier_max: int = 8

    @property
    def local_health_multiplier(self) -> int:
        """The factor of the probe interval."""
        return self.score + 1

    def adjusted_by(self, points: int) -> Awareness:
        """Return the health after `points`: negative for a success, positive for a failure."""
        return replace(self, score=min(self.multiplier_max - 1, max(0, self.score + points)))
