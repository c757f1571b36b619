"""What is logged about a container that is not published as its owner wants, once for each."""

from __future__ import annotations

from typing import Any

from constellation.effects import Note
from constellation.monitor.container import LABEL_VALUE_BYTES_MAX, Container, Unreadable
from constellation.monitor.role import PRIMARY_LABEL

KEPT_MAX = 2048
LABELS_NAMED_MAX = 8


class Complaints:
    """The complaints that were made, so that none is repeated."""

    def __init__(self) -> None:
        self._made: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._made)

    def forget(self, container_id: str) -> None:
        """Handle that the container is gone."""
        self._made = {complaint for complaint in self._made if complaint[1] != container_id}

    def about(self, container: Container) -> list[Note]:
        """Return what is wrong with the labels of a container that was inspected."""
        notes: list[Note] = []
        if container.labels_left_out:
            fields = {
                "container": container.name,
                "labels": container.labels_left_out[:LABELS_NAMED_MAX],
                "count": len(container.labels_left_out),
                "limit_bytes": LABEL_VALUE_BYTES_MAX,
                "fix": "use fewer and shorter labels",
            }
            notes += self._make("container_labels_left_out", container.container_id, fields)
        if container.is_role_unknown:
            fields = {
                "container": container.name,
                "label": PRIMARY_LABEL,
                "fix": "set it to true, false or health",
            }
            notes += self._make("container_role_unknown", container.container_id, fields)
        return notes

    def unreadable(self, container: Unreadable) -> list[Note]:
        """Return the complaint that a container cannot be published."""
        fields = {"container": container.name, "why": container.why}
        return self._make("container_unreadable", container.container_id, fields)

    def not_inspectable(self, container: Container) -> list[Note]:
        """Return the complaint that Docker gives no answer about a container."""
        fields = {"container": container.name, "fix": "restart it, or Docker"}
        return self._make("container_not_inspectable", container.container_id, fields)

    def refused(self, container_id: str, name: str, limit: int) -> list[Note]:
        """Return the complaint that a container is one too many."""
        fix = "watch fewer containers, see docker.watch"
        fields = {"container": name, "limit": limit, "fix": fix}
        return self._make("container_refused", container_id, fields)

    def _make(self, event: str, container_id: str, fields: dict[str, Any]) -> list[Note]:
        if (event, container_id) in self._made or len(self._made) >= KEPT_MAX:
            return []
        self._made.add((event, container_id))
        return [Note(event, fields, "warning")]
