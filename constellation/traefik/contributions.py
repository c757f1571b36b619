"""What all instances contribute: their elements, by key.

Most keys have one contribution, which is kept without a table of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from constellation.traefik.elements import Contribution, ElementKey, Instance

_Several = dict[Instance, Contribution]


class Contributions:
    """The contributions of all instances, by key and instance."""

    def __init__(self) -> None:
        self._of: dict[ElementKey, Contribution | _Several] = {}

    def __iter__(self) -> Iterator[ElementKey]:
        """Yield every key that has a contribution."""
        return iter(self._of)

    def to(self, key: ElementKey) -> tuple[Contribution, ...]:
        """Return the contributions of all instances under `key`."""
        found = self._of.get(key)
        if found is None:
            return ()
        return (found,) if isinstance(found, Contribution) else tuple(found.values())

    def instances(self, key: ElementKey) -> Collection[Instance]:
        """Return the instances that contribute under `key`."""
        found = self._of.get(key)
        if found is None:
            return ()
        return (found.instance,) if isinstance(found, Contribution) else found.keys()

    def definers(self, key: ElementKey) -> tuple[Instance, ...]:
        """Return the instances whose labels define the element `key` of the body, in order."""
        owner = key.origin.owner
        found = self.to(key.written)
        return tuple(sorted(one.instance for one in found if owner in {None, one.author.owner}))

    def services_at(self, nodes: frozenset[str] | None) -> set[ElementKey]:
        """Return the services with an instance on one of `nodes`; None: all services."""
        return {
            key
            for key, found in self._of.items()
            if key.section == "services" and (nodes is None or _is_at(nodes, found))
        }

    def replace(
        self,
        instance: Instance,
        before: Collection[ElementKey],
        after: Mapping[ElementKey, Contribution],
    ) -> set[ElementKey]:
        """Replace what `instance` contributes; return the keys to compose again.

        `before` are the keys of what it contributes so far.  Services are always composed again:
        they also depend on the instance's state.
        """
        dirty: set[ElementKey] = set()
        for key in before:
            if key not in after:
                self._remove(key, instance)
                dirty.add(key)
        for key, one in after.items():
            if self._set(key, one) or key.section == "services":
                dirty.add(key)
        return dirty

    def _set(self, key: ElementKey, one: Contribution) -> bool:
        """Add or replace a contribution; return whether it differs from the one before."""
        found = self._of.get(key)
        if found is None:
            self._of[key] = one
            return True
        if isinstance(found, Contribution):
            if found.instance == one.instance:
                self._of[key] = one
                return found != one
            self._of[key] = {found.instance: found, one.instance: one}
            return True
        is_new = found.get(one.instance) != one
        found[one.instance] = one
        return is_new

    def _remove(self, key: ElementKey, instance: Instance) -> None:
        found = self._of[key]
        if isinstance(found, Contribution):
            del self._of[key]
            return
        del found[instance]
        if len(found) == 1:
            (self._of[key],) = found.values()


def _is_at(nodes: frozenset[str], found: Contribution | _Several) -> bool:
    if isinstance(found, Contribution):
        return found.instance.node in nodes
    return any(one.node in nodes for one in found)
