"""Which routers take requests for a host name from the routers of another service.

Any container may claim any host name, on all nodes, so one can take another's requests by mistake
or on purpose.  Both are warned if a router matches every request for a host that another service's
router names, and Traefik tries it first: because of its priority, or because it is a TCP router
with TLS, which Traefik asks before all HTTP routers.  They are also warned if both have the same
priority, because Traefik chooses one of them then.  A router that gets only what others leave, such
as a page for all other hosts with priority 1, takes nothing.  A router for a part of a host, for
example a path, is the usual way to share it, and not warned of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from heapq import nsmallest
from typing import Any, NamedTuple

from constellation.traefik.elements import ElementKey, Instance, Parts
from constellation.traefik.precedence import HostMatcher, priority_of
from constellation.traefik.routers import rule_as_written
from constellation.traefik.rule_match import named_hosts
from constellation.traefik.small import SetsByKey

COMPARED_MAX = 16  # routers for one host

Owners = Mapping[ElementKey, tuple[Instance, ...]]


class Taken(NamedTuple):
    """Requests for a host that one router takes from another; equal: Traefik chooses one."""

    host: str
    winner: ElementKey
    loser: ElementKey
    is_equal: bool


class Claims:
    """All routers by the hosts that they name; those that may match any host are apart."""

    def __init__(self) -> None:
        self._routers: dict[ElementKey, Mapping[str, Any]] = {}
        self._owners: dict[ElementKey, tuple[Instance, ...]] = {}  # as of the last change
        self._made_of: dict[ElementKey, tuple[ElementKey, ...]] = {}  # of others than itself
        self._by_host: SetsByKey[str, ElementKey] = SetsByKey()
        self._wide: set[ElementKey] = set()
        self._changed: set[str] = set()
        self._taken: dict[str, tuple[Taken, ...]] = {}

    def replace(self, written: ElementKey, routers: Parts, owners: Owners) -> None:
        """Replace the routers that were made of `written`, unless they are as before."""
        itself = (written,) if written in self._routers else ()
        before = self._made_of.get(written, itself)
        made = tuple(routers)
        now = {key: owners[key] for key in made}
        if made == before and all(
            self._routers[key] == routers[key] and self._owners[key] == now[key] for key in made
        ):
            return
        for key in before:
            self._note(key, self._routers.pop(key), is_added=False)
            del self._owners[key]
        for key, config in routers.items():
            self._routers[key] = config
            self._owners[key] = now[key]
            self._note(key, config, is_added=True)
        self._made_of.pop(written, None)
        if made not in {(), (written,)}:
            self._made_of[written] = made

    def _note(self, key: ElementKey, config: Mapping[str, Any], *, is_added: bool) -> None:
        hosts, is_wide = named_hosts(rule_as_written(str(config.get("rule", ""))))
        if is_wide:
            (self._wide.add if is_added else self._wide.discard)(key)
            self._changed.update(self._by_host)
        for host in set(hosts):
            (self._by_host.add if is_added else self._by_host.discard)(host, key)
            self._changed.add(host)

    def taken(self, owners: Owners) -> tuple[Taken, ...] | None:
        """Return all requests that are taken; None: nothing has changed."""
        if not self._changed:
            return None
        for host in self._changed:
            self._taken.pop(host, None)
            if self._is_alone(host):
                continue
            if found := tuple(self._taken_of(host, owners)):
                self._taken[host] = found
        self._changed.clear()
        return tuple(one for host in sorted(self._taken) for one in self._taken[host])

    def _is_alone(self, host: str) -> bool:
        """Return whether at most one router may match `host`."""
        named = self._by_host.get(host)
        return not named or (len(named) == 1 and self._wide.issubset(named))

    def _foremost(self, keys: Collection[ElementKey]) -> set[ElementKey]:
        """Return the routers that Traefik tries first, as no more are compared."""
        if len(keys) <= COMPARED_MAX:
            return {*keys}
        order = {key: (-priority_of(self._routers[key]), key.body_name) for key in keys}
        return set(nsmallest(COMPARED_MAX, keys, key=order.__getitem__))

    def _taken_of(self, host: str, owners: Owners) -> Iterator[Taken]:
        named = self._foremost(self._by_host.get(host))
        wide = self._foremost(self._wide)
        asked = [(key, self._routers[key]) for key in named | wide]
        for one in HostMatcher(host).candidates(asked):
            winner = one.before or one.rival
            if one.key in named and winner is not None and not _share(owners, winner, one.key):
                yield Taken(host, winner, one.key, one.before is None)
        yield from self._taken_by_tcp(host, named, named | wide, owners)

    def _taken_by_tcp(
        self, host: str, named: set[ElementKey], tried: set[ElementKey], owners: Owners
    ) -> Iterator[Taken]:
        tcp = [key for key in tried if key.protocol == "tcp"]
        asked = [(key, self._routers[key]) for key in tcp if "tls" in self._routers[key]]
        losers = [key for key in sorted(named) if asked and key.protocol == "http"]
        for one in HostMatcher(host).candidates(asked) if losers else ():
            for key in losers if one.is_whole else ():
                met = _meet(self._routers[one.key], self._routers[key])
                if met and not _share(owners, one.key, key):
                    yield Taken(host, one.key, key, is_equal=False)


def _meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(set(one.get("entryPoints", ())) & set(other.get("entryPoints", ())))


def _share(owners: Owners, one: ElementKey, other: ElementKey) -> bool:
    """Return whether the same service wrote both routers."""
    return bool({i.service for i in owners[one]} & {i.service for i in owners[other]})
