"""What the actors of one node report to be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from messages.admin import NodeStatus
from messages.routes import NodeTrouble
from messages.wellness import Trouble, TroubleKind, TroublesReported

LISTED_MAX = 64  # of one node
ACTORS_MAX = 32
_RANKS = {kind: rank for rank, kind in enumerate(get_args(TroubleKind))}


def worst_first(trouble: Trouble) -> tuple[bool, int, str, str]:
    """Return the key that sorts troubles: what must be acted on first, then by kind."""
    return trouble.is_note, _RANKS[trouble.kind], trouble.subject, trouble.what


class TroubleBook:
    """The last report of each actor."""

    def __init__(self) -> None:
        self._reports: dict[str, TroublesReported] = {}

    def report(self, report: TroublesReported) -> None:
        """Replace what the actor reported before."""
        if report.actor in self._reports or len(self._reports) < ACTORS_MAX:
            self._reports[report.actor] = report

    @property
    def listed(self) -> tuple[Trouble, ...]:
        """The worst troubles."""
        return tuple(self._all[:LISTED_MAX])

    @property
    def unlisted_count(self) -> int:
        """How many troubles are not listed."""
        unlisted = sum(report.unlisted for report in self._reports.values())
        return unlisted + len(self._all[LISTED_MAX:])

    @property
    def _all(self) -> list[Trouble]:
        known = {trouble for report in self._reports.values() for trouble in report.troubles}
        return sorted(known, key=worst_first)


def about(subject: str, statuses: Iterable[NodeStatus]) -> Iterator[NodeTrouble]:
    """Yield what nodes report about a host name, a container or a service."""
    name = subject.strip().lower().rstrip(".")
    for status in statuses:
        for trouble in status.troubles:
            if trouble.kind == "dns":
                continue  # `constellation.dns.lookup` says what they mean for a name
            if name in {trouble.subject.lower(), *(host.lower() for host in trouble.hosts)}:
                yield NodeTrouble(node=status.node, trouble=trouble)


def of_dns(statuses: Iterable[NodeStatus]) -> Iterator[NodeTrouble]:
    """Yield what nodes report about records in DNS."""
    for status in statuses:
        for trouble in status.troubles:
            if trouble.kind == "dns":
                yield NodeTrouble(node=status.node, trouble=trouble)


def of_containers(statuses: Iterable[NodeStatus]) -> Iterator[NodeTrouble]:
    """Yield what nodes report about containers that have no routes, or not all of them."""
    for status in statuses:
        for trouble in status.troubles:
            if trouble.kind in {"container", "unwatched"}:
                yield NodeTrouble(node=status.node, trouble=trouble)
