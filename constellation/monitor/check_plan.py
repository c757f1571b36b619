"""When each static service is checked next.

All are checked at once at the start.  From then on services with one interval take turns in groups:
to check a few together costs little more than to check one, because the process wakes once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

GROUP_MAX = 16  # checked together, unless the interval is too short for so many groups
SLOT_S = 0.05  # what is due within this time is checked now


@dataclass(slots=True)
class _Planned:
    interval_s: float
    first_wait_s: float  # between the first check and the second
    due_s: float
    is_first: bool = True
    is_running: bool = False


class CheckPlan:
    """The services by name.  `now_s` is monotonic seconds."""

    def __init__(self, intervals_s: Mapping[str, float], now_s: float) -> None:
        self._planned: dict[str, _Planned] = {}
        for interval_s in dict.fromkeys(intervals_s.values()):
            names = [name for name in intervals_s if intervals_s[name] == interval_s]
            groups = min(math.ceil(len(names) / GROUP_MAX), max(1, int(interval_s / SLOT_S)))
            for number, name in enumerate(names):
                first_wait_s = interval_s * (number % groups + 1) / groups
                self._planned[name] = _Planned(interval_s, first_wait_s, now_s)

    @property
    def next_due_s(self) -> float:
        """When `take_due` must be called next; inf: not before a check has ended."""
        idle = (one.due_s for one in self._planned.values() if not one.is_running)
        return min(idle, default=math.inf)

    def take_due(self, now_s: float) -> list[str]:
        """Return the services to check now.  None is checked twice at a time."""
        if now_s < self.next_due_s:
            return []
        due = [
            name
            for name, one in self._planned.items()
            if not one.is_running and one.due_s <= now_s + SLOT_S
        ]
        for name in due:
            one = self._planned[name]
            one.is_running = True
            one.due_s += one.first_wait_s if one.is_first else one.interval_s
            one.is_first = False
        return due

    def ended(self, name: str, now_s: float) -> None:
        """The check of a service has ended.

        The next one follows the schedule, not the end of this one.  Missed ones are left out.
        """
        one = self._planned[name]
        one.is_running = False
        one.due_s = max(one.due_s, now_s)
