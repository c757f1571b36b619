"""Which elements must be composed again when another one changes.

An edge leads from an element to each one that it needs: a router needs its service and its
middlewares, a chain the middlewares in it.  An element may need one that does not exist: if that
one is added later, whatever needs it is composed again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet

from constellation.traefik.elements import ElementKey
from constellation.traefik.small import SetsByKey


class DependencyGraph:
    """Edges between elements, in both directions."""

    def __init__(self) -> None:
        self._needs: dict[ElementKey, tuple[ElementKey, ...]] = {}
        self._dependents: SetsByKey[ElementKey, ElementKey] = SetsByKey()

    def set_needs(self, key: ElementKey, needs: AbstractSet[ElementKey]) -> None:
        """Replace the edges that leave `key`."""
        before = self._needs.get(key, ())
        if len(before) == len(needs) and all(need in needs for need in before):
            return
        for need in before:
            if need not in needs:
                self._dependents.discard(need, key)
        for need in needs:
            if need not in before:
                self._dependents.add(need, key)
        if needs:
            self._needs[key] = tuple(needs)
        else:
            del self._needs[key]

    def dependents(self, key: ElementKey) -> Collection[ElementKey]:
        """Return what needs `key` directly."""
        return self._dependents.get(key)

    def affected_by(self, changed: Iterable[ElementKey]) -> set[ElementKey]:
        """Return everything that needs one of `changed`, directly or through others."""
        affected: set[ElementKey] = set()
        waiting = list(changed)
        while waiting:
            new = [key for key in self.dependents(waiting.pop()) if key not in affected]
            affected.update(new)
            waiting += new
        return affected
