"""The results of checks: which of them can change the health of a service.

A service changes its health after some equal results in a row (`health`).  Each observation says
how many there were, up to that number: a further one is no news, and none is lost with a monitor
that is restarted in between.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.monitor.health import HealthPolicy
from constellation.monitor.static_check import detail_of, static_observation
from constellation.settings.monitor import StaticService
from messages.monitor import ServiceObservation


class CheckResults:
    """The latest observation of each static service."""

    def __init__(self, services: Iterable[StaticService], policy: HealthPolicy) -> None:
        self._services = {one.name: one for one in services}
        self._policy = policy
        self._latest = {
            name: static_observation(one, None, checked=False)
            for name, one in self._services.items()
        }

    def everything(self) -> tuple[ServiceObservation, ...]:
        """Return the latest observation of each service."""
        return tuple(self._latest.values())

    def add_result(self, name: str, failure: str | None) -> ServiceObservation | None:
        """Take the result of a check; return what it shows, or None if that is no news."""
        before = self._latest[name]
        needed = self._policy.passing_count if failure is None else self._policy.failing_count
        if before.check == ("passing" if failure is None else "failing"):
            count = min(before.results_count + 1, needed)
            if count == before.results_count and before.detail == detail_of(failure):
                return None
        else:
            count = 1
        now = static_observation(self._services[name], failure, results_count=count)
        self._latest[name] = now
        return now
