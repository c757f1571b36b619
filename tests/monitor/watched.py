"""A running Docker actor, for tests of its reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry

from actors.docker import DockerActor
from messages.monitor import ServiceObservation, ServicesObserved
from tests.harness import Harness, messages_of
from tests.monitor.builders import settings
from tests.monitor.fake_engine import FakeDocker
from tests.monitor.real_docker import RealDocker

Known = dict[str, ServiceObservation]
Host = FakeDocker | RealDocker
Start = Callable[..., "Watched"]


def has(instance: str, /, **fields: Any) -> Callable[[Known], bool]:
    """Tell whether what is known of an instance is so."""

    def holds(known: Known) -> bool:
        seen = known.get(instance)
        return seen is not None and all(
            getattr(seen, name) == value for name, value in fields.items()
        )

    return holds


class Watched:
    """A started Docker actor, and what `services` knows from what it was told."""

    def __init__(self, host: Host, **docker: object) -> None:
        fields = {"reconcile_interval_s": 60.0, "connect_interval_s": 0.2, **docker}
        self.harness = Harness(
            DockerActor(host.connect),
            settings(docker=fields),
            name="docker",
            neighbours=("services",),
        )

    @property
    def registry(self) -> CollectorRegistry:
        return self.harness.actor.registry

    def reports(self) -> list[ServicesObserved]:
        return messages_of(ServicesObserved, self.harness.sent)

    def known(self) -> dict[str, ServiceObservation]:
        known: dict[str, ServiceObservation] = {}
        for report in self.reports():
            seen = {observation.key: observation for observation in report.observations}
            known = seen if report.complete else {**known, **seen}
            for name in report.vanished:
                known.pop(name, None)
        return known

    def until(self, condition: Callable[[dict[str, ServiceObservation]], bool]) -> float:
        """Return the seconds until what is known satisfies `condition`."""
        began_s = time.monotonic()
        self.harness.pump_until(lambda: condition(self.known()), timeout_s=10)
        return time.monotonic() - began_s

    def until_complete(self) -> None:
        self.harness.pump_until(lambda: any(report.complete for report in self.reports()))

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0
