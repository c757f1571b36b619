"""Containers that were asked to stop and have not ended yet.

Docker reports the stop signal only by an event: in an inspection a draining container looks like
any other.  One that still runs long after its stop signal has ignored it, and receives requests
again.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.monitor.container import Container


@dataclass(frozen=True, slots=True)
class _StopRequest:
    at_s: float
    started_at: str  # of the container when it was asked


class Draining:
    """Which containers were asked to stop, and when.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._asked: dict[str, _StopRequest] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, container: Container, now_s: float) -> Container:
        """Record that `container` was asked to stop; return it draining."""
        self._asked[container.container_id] = _StopRequest(now_s, container.started_at)
        return container.draining()

    def forget(self, container_id: str) -> None:
        """Forget a container that has ended or was restarted."""
        self._asked.pop(container_id, None)

    def is_over(self, container: Container, now_s: float) -> bool:
        """Return whether it should have ended by now, and must be inspected."""
        asked = self._asked.get(container.container_id)
        return asked is not None and now_s - asked.at_s > container.drain_s

    def seen(self, container: Container, now_s: float) -> Container:
        """Return an inspected container as draining if it is."""
        asked = self._asked.get(container.container_id)
        if asked is None:
            return container
        same_run = container.started_at == asked.started_at and container.phase != "stopped"
        if same_run and not self.is_over(container, now_s):
            return container.draining()
        self.forget(container.container_id)
        return container
