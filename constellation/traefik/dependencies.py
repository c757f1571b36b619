"""Which elements must be composed again when another one changes.

An edge leads from an element to each one that it needs: a router needs its service and its
middlewares, a chain the middlewares in it.  An element may need one that does not exist: if that
one is added later, whatever needs it is composed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from constellation.traefik.elements import ElementKey

_NONE: frozenset[ElementKey] = frozenset()


class DependencyGraph:
    """Edges between elements, in both directions."""

    def __init__(self) -> None:
        self._needs: dict[ElementKey, frozenset[ElementKey]] = {}
        self._dependents: dict[ElementKey, set[ElementKey]] = {}

    def set_needs(self, key: ElementKey, needs: frozenset[ElementKey]) -> None:
        """Replace the edges that leave `key`."""
        before = self._needs.pop(key, _NONE)
        if needs:
            self._needs[key] = needs
        if needs == before:
            return
        for need in before - needs:
            self._dependents[need].discard(key)
            if not self._dependents[need]:
                del self._dependents[need]
        for need in needs - before:
            self._dependents.setdefault(need, set()).add(key)

    def dependents(self, key: ElementKey) -> AbstractSet[ElementKey]:
        """Return what needs `key` directly."""
        return self._dependents.get(key, _NONE)

    def affected_by(self, changed: Iterable[ElementKey]) -> set[ElementKey]:
        """Return everything that needs one of `changed`, directly or through others."""
        affected: set[ElementKey] = set()
        waiting = list(changed)
        while waiting:
            new = self.dependents(waiting.pop()) - affected
            affected |= new
            waiting += new
        return affected
