"""The pass that warns of routers that take requests from those of another service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from constellation.traefik.claims import Owners, Taken
from constellation.traefik.composition import Composition
from constellation.traefik.elements import AGENT, ElementKey, Instance
from constellation.traefik.rejection import Rejection
from constellation.traefik.work import Work

CLAIMS = ElementKey("http", "routers", "constellation.claims", AGENT)  # what this pass rejects
SHOWN_MAX = 3  # names in one sentence


def claims(composition: Composition, work: Work) -> None:
    """Routers in the document -> warnings about those that take requests from others."""
    owners = _Owners(composition)
    for key in work.keys("routers"):
        if key.protocol != "udp":
            parts = {part: composition.routers[part] for part in composition.parts_of(key)}
            composition.claims.replace(key, parts, owners)
    taken = composition.claims.taken(owners)
    if taken is not None:
        composition.put(CLAIMS, {}, tuple(_warnings(taken, owners)))


def _warnings(taken: Iterable[Taken], owners: Owners) -> Iterator[Rejection]:
    by_winner: dict[ElementKey, list[Taken]] = {}
    for one in taken:
        by_winner.setdefault(one.winner, []).append(one)
        who = _who(owners[one.winner])
        first = "has the same priority for" if one.is_equal else "comes first and takes"
        reason = (
            f"the router {one.winner.body_name[:64]} of {who} {first} all requests for {one.host}"
        )
        remedy = f"remove one of them, or let traefik.hosts_allowed say who may have {one.host}"
        yield from _for_all(owners[one.loser], one.loser, reason, remedy)
    for winner, found in by_winner.items():
        hosts = list(dict.fromkeys(one.host for one in found))
        losers = list(dict.fromkeys(_who(owners[one.loser]) for one in found))
        what = "claims" if all(one.is_equal for one in found) else "takes"
        reason = f"it {what} all requests for {_some(hosts)}, which {_some(losers)} asks for"
        remedy = "name only hosts of its own; a page for all other hosts has priority=1"
        yield from _for_all(owners[winner], winner, reason, remedy)


def _for_all(
    instances: Iterable[Instance], key: ElementKey, reason: str, remedy: str
) -> Iterator[Rejection]:
    label = "" if key.origin.is_default else f"traefik.{key.protocol}.routers.{key.name}.rule"
    for instance in instances:
        yield Rejection(*instance.place, label, reason, remedy, is_sent=True)


def _who(instances: Iterable[Instance]) -> str:
    return _some(list(dict.fromkeys(f"{one.service} on {one.node}" for one in instances)))


def _some(names: list[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:SHOWN_MAX])
    rest = len(names) - SHOWN_MAX
    return f"{shown} and {rest} more" if rest > 0 else shown


class _Owners(Mapping[ElementKey, tuple[Instance, ...]]):
    """The instances whose labels define each router."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition

    def __getitem__(self, key: ElementKey) -> tuple[Instance, ...]:
        return self._composition.contributions.definers(key)

    def __iter__(self) -> Iterator[ElementKey]:
        return iter(self._composition.routers)

    def __len__(self) -> int:
        return len(self._composition.routers)
