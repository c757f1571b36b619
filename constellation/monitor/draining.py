"""Containers that were asked to stop and have not ended yet.

Docker reports the stop signal only by an event: in an inspection a draining container looks like
any other.  One that still runs long after its stop signal has ignored it, and receives requests
again.
"""

from __future__ import annotations

from constellation.monitor.container import Container
from constellation.value import Value


class _StopRequest(Value):
    at_s: float
    started_at: str  # of the container when it was asked


class Draining:
    """Which containers were asked to stop, and when.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._requests: dict[str, _StopRequest] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def begin(self, container: Container, now_s: float) -> Container:
        """Record that `container` was asked to stop; return it draining."""
        self._requests[container.container_id] = _StopRequest(now_s, container.started_at)
        return container.draining()

    def end(self, container_id: str) -> None:
        """Handle the end or the restart of a container: it is no longer draining."""
        self._requests.pop(container_id, None)

    def is_over(self, container: Container, now_s: float) -> bool:
        """Return whether it should have ended by now, and must be inspected."""
        request = self._requests.get(container.container_id)
        return request is not None and now_s - request.at_s > container.drain_s

    def marked(self, container: Container, now_s: float) -> Container:
        """Return an inspected container, marked as draining if it is."""
        request = self._requests.get(container.container_id)
        if request is None:
            return container
        same_run = container.started_at == request.started_at and container.phase != "stopped"
        if same_run and not self.is_over(container, now_s):
            return container.draining()
        self.end(container.container_id)
        return container
