"""Containers whose inspection does not answer in time, and what the last listing says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from constellation.monitor.row_inspection import row_inspection

AGAIN_S = 10.0  # after which the inspection is tried again


class NotInspectable:
    """Their names by container id, and their rows in a listing that was requested at `since`."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.read: set[str] = set()  # those that are known by their row
        self.since = 0
        self._tried_at_s: dict[str, float] = {}
        self._rows: dict[str, Mapping[str, Any]] = {}  # all, as one may use another's network

    def __contains__(self, container_id: str) -> bool:
        return container_id in self.names

    def add(self, container_id: str, name: str, now_s: float) -> None:
        """Handle that the inspection of the container has not answered in time."""
        self.names[container_id] = name
        self._tried_at_s[container_id] = now_s

    def is_due(self, container_id: str, now_s: float) -> bool:
        """Return whether the inspection is to be tried again."""
        tried_at_s = self._tried_at_s.get(container_id)
        return tried_at_s is not None and now_s - tried_at_s >= AGAIN_S

    def discard(self, container_id: str) -> None:
        """Handle an answer, or that the container is gone."""
        self.names.pop(container_id, None)
        self.read.discard(container_id)
        self._tried_at_s.pop(container_id, None)
        if not self.names:
            self._rows.clear()

    def clear(self) -> None:
        """Handle the loss of the connection."""
        self.names.clear()
        self.read.clear()
        self._tried_at_s.clear()
        self._rows.clear()

    def listed(self, listing: Iterable[Mapping[str, Any]], since: int) -> None:
        """Keep a listing, if it is needed."""
        if self.names:
            self.since = since
            self._rows = {str(row.get("Id", "")): row for row in listing}

    def inspections(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what the listing says of each container, in the form of an inspection."""
        for container_id in [*self.names]:
            row = self._rows.get(container_id)
            found = row_inspection(row, self._rows) if row is not None else None
            if found is not None:
                yield container_id, found
