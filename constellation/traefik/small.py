"""Collections of which there are many, each with one item: those of each router, or service.

A set or a dict takes 200 bytes more than its only item.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class SetsByKey(Generic[K, V]):
    """A set of values for each key.  A single value, which must not be a set, is kept as it is."""

    def __init__(self) -> None:
        self._of: dict[K, V | set[V]] = {}

    def __iter__(self) -> Iterator[K]:
        """Yield every key that has a value."""
        return iter(self._of)

    def get(self, key: K) -> Collection[V]:
        """Return the values of `key`.  Do not change them."""
        found = self._of.get(key)
        if found is None:
            return ()
        return found if isinstance(found, set) else (found,)

    def add(self, key: K, value: V) -> None:
        """Add a value to those of `key`."""
        found = self._of.get(key)
        if found is None:
            self._of[key] = value
        elif isinstance(found, set):
            found.add(value)
        elif found != value:
            self._of[key] = {found, value}

    def discard(self, key: K, value: V) -> None:
        """Remove a value from those of `key` if it is one of them."""
        found = self._of.get(key)
        if isinstance(found, set):
            found.discard(value)
            if len(found) == 1:
                (self._of[key],) = found
        elif found is not None and found == value:
            del self._of[key]


class OneItem(Mapping[K, V]):
    """A mapping of one key."""

    __slots__ = ("_key", "_value")

    def __init__(self, key: K, value: V) -> None:
        self._key = key
        self._value = value

    def __getitem__(self, key: object) -> V:
        if key != self._key:
            raise KeyError(key)
        return self._value

    def get(self, key: object, default: Any = None) -> Any:
        """Return the value of `key`, or else `default`."""
        return self._value if key == self._key else default

    def __iter__(self) -> Iterator[K]:
        yield self._key

    def __len__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OneItem):
            return bool(self._key == other._key and self._value == other._value)
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


def compact(mapping: Mapping[K, V]) -> Mapping[K, V]:
    """Return `mapping`, in less memory if it has one item."""
    if len(mapping) != 1:
        return mapping
    (item,) = mapping.items()
    return OneItem(*item)
