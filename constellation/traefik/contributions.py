"""What all instances contribute: their elements, by key."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from constellation.traefik.elements import Contribution, ElementKey, Instance


class Contributions:
    """The contributions of all instances, by key.  Most keys have one."""

    def __init__(self) -> None:
        self._of: dict[ElementKey, tuple[Contribution, ...]] = {}

    def __iter__(self) -> Iterator[ElementKey]:
        """Yield every key that has a contribution."""
        return iter(self._of)

    def to(self, key: ElementKey) -> tuple[Contribution, ...]:
        """Return the contributions of all instances under `key`."""
        return self._of.get(key, ())

    def instances(self, key: ElementKey) -> list[Instance]:
        """Return the instances that contribute under `key`."""
        return [one.instance for one in self.to(key)]

    def definers(self, key: ElementKey) -> tuple[Instance, ...]:
        """Return the instances whose labels define the element `key` of the body, in order."""
        owner = key.origin.owner
        found = self.to(key.written)
        return tuple(sorted(one.instance for one in found if owner in {None, one.author.owner}))

    def services_at(self, nodes: frozenset[str] | None) -> list[ElementKey]:
        """Return the services with an instance on one of `nodes`; None: all services."""
        return [
            key
            for key, found in self._of.items()
            if key.section == "services"
            and (nodes is None or any(one.instance.node in nodes for one in found))
        ]

    def replace(
        self,
        instance: Instance,
        before: Collection[ElementKey],
        after: Mapping[ElementKey, Contribution],
    ) -> list[ElementKey]:
        """Replace what `instance` contributes; return the keys to compose again.

        `before` are the keys of what it contributes so far.  Services are always composed again:
        they also depend on the instance's state.
        """
        dirty: list[ElementKey] = []
        for key in before:
            if key not in after:
                self._put(key, self._others(key, instance))
                dirty.append(key)
        for key, one in after.items():
            if key.section == "services" or one not in self.to(key):
                dirty.append(key)
            self._put(key, (*self._others(key, instance), one))
        return dirty

    def _others(self, key: ElementKey, instance: Instance) -> tuple[Contribution, ...]:
        return tuple([one for one in self.to(key) if one.instance != instance])

    def _put(self, key: ElementKey, contributions: tuple[Contribution, ...]) -> None:
        if contributions:
            self._of[key] = contributions
        else:
            del self._of[key]
