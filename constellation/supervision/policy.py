"""The patience of a supervisor with its actors."""

from __future__ import annotations

from msgspec import field

from constellation.supervision.restart import RestartPolicy
from constellation.value import Value


class WatchPolicy(Value):
    """Patience in seconds, and how restarts are spaced."""

    restart: RestartPolicy = field(default_factory=RestartPolicy)
    ping_interval_s: float = 2.0
    ping_timeout_s: float = 10.0
    start_timeout_s: float = 15.0
    essential_down_timeout_s: float = 120.0
