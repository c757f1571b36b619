"""Containers that were asked to stop and have not ended yet.

Docker tells of the stop signal by an event, and by nothing else: to an inspection a container that
drains is like any other.  One that still runs long after has ignored the signal, and is given
requests again.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.monitor.container import Container


@dataclass(frozen=True, slots=True)
class _Asked:
    at_s: float
    started_at: str  # which life of the container was asked


class Draining:
    """Who was asked to stop, and when.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ask(self, container: Container, now_s: float) -> Container:
        """Note that `container` was asked to stop; return it as it is from now on."""
        self._asked[container.container_id] = _Asked(now_s, container.started_at)
        return container.draining()

    def forget(self, container_id: str) -> None:
        """It has ended, or begun anew."""
        self._asked.pop(container_id, None)

    def is_over(self, container: Container, now_s: float) -> bool:
        """Tell whether it must have ended by now: inspect it."""
        asked = self._asked.get(container.container_id)
        return asked is not None and now_s - asked.at_s > container.drain_s

    def seen(self, container: Container, now_s: float) -> Container:
        """Return an inspected container with what its inspection does not tell."""
        asked = self._asked.get(container.container_id)
        if asked is None:
            return container
        same_life = container.started_at == asked.started_at and container.phase != "stopped"
        if same_life and not self.is_over(container, now_s):
            return container.draining()
        self.forget(container.container_id)
        return container
