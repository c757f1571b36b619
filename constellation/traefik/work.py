"""The work of one run of the passes."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from constellation.traefik.elements import ElementKey, Section
from constellation.traefik.places import Places
from constellation.traefik.service_servers import States


class Work:
    """The keys to compose again, and the state of the cluster to compose them from.

    A pass adds the keys that depend on its changes, for later passes.  `places_changed`: those of
    the last run were others.
    """

    def __init__(
        self,
        dirty: Iterable[ElementKey],
        states: States,
        places: Places,
        *,
        places_changed: bool,
    ) -> None:
        self.states = states
        self.places = places
        self.places_changed = places_changed
        # In the order of the view, in which what belongs together is close in memory.
        self._keys: dict[Section, dict[ElementKey, None]] = {
            "services": {},
            "middlewares": {},
            "routers": {},
        }
        self.add(dirty)

    def add(self, dirty: Iterable[ElementKey]) -> None:
        """Add keys to compose again."""
        for key in dirty:
            self._keys[key.section][key] = None

    def keys(self, section: Section) -> Collection[ElementKey]:
        """Return the keys of one section to compose again, each once."""
        return self._keys[section]
