"""Running containers that seem to ask for routes and are not watched.

The labels of a container never change, so each container is judged once.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from constellation.effects import Note
from constellation.monitor.container_row import ContainerRow
from constellation.monitor.docker_event import ContainerEvent
from constellation.monitor.service_name import service_name
from constellation.monitor.watch_labels import NotWatched, why_not_watched

LISTED_MAX = 256


class UnwatchedContainers:
    """All of them.  `by_name` are those that run, by the name of the container."""

    def __init__(self, watch: str) -> None:
        self.by_name: dict[str, NotWatched] = {}
        self._watch = watch
        self._judged: dict[str, NotWatched | None] = {}  # by container id
        self._noted: set[str] = set()

    def listed(self, rows: Iterable[ContainerRow]) -> list[Note]:
        """Handle a listing; return what is to be logged, once for each container."""
        before, self._judged = self._judged, {}
        self.by_name = {}
        notes: list[Note] = []
        for row in rows:
            container_id = row.container_id
            is_known = container_id in before
            found = before[container_id] if is_known else why_not_watched(row.labels, self._watch)
            self._judged[container_id] = found
            if found is None or row.phase != "running" or len(self.by_name) >= LISTED_MAX:
                continue
            service = service_name(row.name, row.labels)
            self.by_name[row.name] = replace(found, service=service)
            if container_id not in self._noted:
                self._noted.add(container_id)
                notes.append(_note(row.name, found))
        self._noted &= self._judged.keys()
        return notes

    def is_concerned(self, event: ContainerEvent) -> bool:
        """Return whether the next listing will tell something new because of the event."""
        if event.container_id in self._judged:
            return self._judged[event.container_id] is not None
        return event.action == "start" and why_not_watched(event.labels, self._watch) is not None


def _note(name: str, found: NotWatched) -> Note:
    fields = {
        "container": name,
        "label": found.label,
        "value": found.value,
        "why": found.why,
        "fix": found.fix,
    }
    return Note("container_not_watched", fields, "warning" if found.is_mistake else "info")
