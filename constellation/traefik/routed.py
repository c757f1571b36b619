"""The instances that get requests, as a table that changes and as a value that does not.

The value is in parts by service, and a change makes only the part of its service again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import chain

from constellation.traefik.elements import ElementKey, Instance

PARTS = 64


class Routed(Set[Instance]):
    """A set of instances that never changes."""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[frozenset[Instance], ...] = ()) -> None:
        self._parts = parts

    @classmethod
    def _from_iterable(cls, it: Iterable[Instance]) -> frozenset[Instance]:  # type: ignore[override]
        return frozenset(it)

    def __contains__(self, instance: object) -> bool:
        return any(instance in part for part in self._parts)

    def __iter__(self) -> Iterator[Instance]:
        return chain.from_iterable(self._parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))


class RoutedTable:
    """The instances that get the requests of each service; several services may have the same."""

    def __init__(self) -> None:
        self._of: dict[ElementKey, tuple[Instance, ...]] = {}
        self._counts: tuple[dict[Instance, int], ...] = tuple({} for _ in range(PARTS))
        self._parts: list[frozenset[Instance] | None] = [frozenset()] * PARTS  # None: it changed
        self._all: Routed | None = None

    def replace(self, key: ElementKey, instances: tuple[Instance, ...]) -> None:
        """Replace the instances that get the requests of the service `key`; each is named once."""
        before = self._of.pop(key, ())
        if instances:
            self._of[key] = instances
        if instances == before:
            return
        for instance in instances:
            self._count(instance, 1)
        for instance in before:
            self._count(instance, -1)

    def _count(self, instance: Instance, change: int) -> None:
        index = hash(instance.service) % PARTS
        counts = self._counts[index]
        count = counts.get(instance, 0) + change
        if count:
            counts[instance] = count
        else:
            del counts[instance]
        if count == 0 or (count, change) == (1, 1):
            self._parts[index] = self._all = None

    def all(self) -> Routed:
        """Return every instance that gets requests."""
        if self._all is None:
            self._parts = [
                frozenset(counts) if part is None else part
                for part, counts in zip(self._parts, self._counts, strict=True)
            ]
            self._all = Routed(tuple(part for part in self._parts if part))
        return self._all
