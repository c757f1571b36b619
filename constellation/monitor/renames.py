"""Running containers that were renamed a moment ago.

Two containers swap their names through a third one.  So the known names stay until no container
was renamed for a moment, and then change all at once: no route ever has the third name.
"""

from __future__ import annotations

SETTLE_S = 0.4  # after the last rename
SETTLE_S_MAX = 2.0  # after the first one


class Renames:
    """The new names, and the known ones.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._new: dict[str, str] = {}
        self._first_at_s = 0.0
        self._last_at_s = 0.0

    def __len__(self) -> int:
        return len(self._new)

    def begin(self, container_id: str, known: str, new: str, now_s: float) -> None:
        """Handle that the container called `known` so far is called `new` now."""
        if not self._known:
            self._first_at_s = now_s
        self._known.setdefault(container_id, known)
        self._new[container_id] = new
        self._last_at_s = now_s

    def forget(self, container_id: str) -> None:
        """Handle that the container is gone, or read again under whatever name it has."""
        self._known.pop(container_id, None)
        self._new.pop(container_id, None)

    def known_name(self, container_id: str) -> str:
        """Return the name under which the container stays known for now; empty: its own."""
        return self._known.get(container_id, "")

    def settled(self, now_s: float) -> dict[str, str]:
        """Return the new names by container id, once they have settled; they are then forgotten."""
        is_quiet = now_s - self._last_at_s >= SETTLE_S
        if not is_quiet and now_s - self._first_at_s < SETTLE_S_MAX:
            return {}
        settled, self._new = self._new, {}
        self._known.clear()
        return settled
