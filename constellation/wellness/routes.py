"""Whether requests get to what is healthy: labels that are rejected, instances without a route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from constellation.admin.words import counted, listed
from constellation.traefik.own_traefik import PART as TRAEFIK
from constellation.traefik.rejection import Rejection
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Problem
from constellation.wellness.services import where as where_is
from messages.routes import RoutesHealth, UnservedRow

INSTANCES_NAMED_MAX = 10
_SEE = "see `constellation rejected`"


def unserved(facts: Facts) -> Iterator[Problem]:
    """Yield healthy instances that get no requests, and from which nodes they do not."""
    asked = {one.node: one.routes for one in facts.statuses if one.routes is not None}
    with_traefik = [node for node, routes in asked.items() if routes.has_traefik] or [*asked]
    where: dict[UnservedRow, list[str]] = {}
    for node in with_traefik:
        for row in asked[node].unserved:
            where.setdefault(row, []).append(node)
    for row in sorted(where, key=_by_name)[:INSTANCES_NAMED_MAX]:
        nodes = where[row]
        through = "" if len(nodes) == len(with_traefik) else f" through {', '.join(nodes)}"
        on = where_is(row.node, row.service, row.name)
        text = f"service {row.service} on {on} gets no requests{through}: {row.why}"
        yield Problem("route", text)
    totals = [asked[node].unserved_total for node in with_traefik]
    more = max([len(where), *totals]) - INSTANCES_NAMED_MAX
    if more > 0:
        text = f"{counted(more, 'more service instance')} without requests: see "
        yield Problem("route", f"{text}`constellation services`")


def has_dead_traefiks_only(facts: Facts) -> bool:
    """Return whether there are Traefiks, and none of them works: then nobody serves."""
    states = [
        any(part.part == TRAEFIK and part.state == "lost" for part in status.parts)
        for status in facts.statuses
        if status.routes is not None and status.routes.has_traefik
    ]
    return bool(states) and all(states)


def _by_name(row: UnservedRow) -> tuple[str, str, str]:
    return row.service, row.node, row.name


def rejected(facts: Facts) -> Iterator[Problem]:
    """Yield how many labels do not work as they ask."""
    for status in facts.statuses:
        routes = status.routes
        if routes is not None and routes.has_traefik and not routes.is_settled:
            served = "the last good routes" if routes.has_body else "nothing"
            yield Problem(
                "route",
                f"{status.node} does not know the whole cluster yet: its Traefik gets {served}",
            )
    known = facts.routes or next((one.routes for one in facts.statuses if one.routes), None)
    if known is not None:
        yield from (Problem("route", f"{text}: {_SEE}") for text in rejected_texts(known))


def rejected_texts_of(rejected: Sequence[Rejection]) -> Iterator[str]:
    """Yield how many labels of some services do not work."""
    for items, verb in (
        ([one for one in rejected if not one.is_sent], "rejected"),
        ([one for one in rejected if one.is_sent], "will not work"),
    ):
        if items:
            names = listed({item.service for item in items})
            yield f"{counted(len(items), 'label')} of {names} {verb}: {_SEE}"


def counts_of(rejected: Iterable[Rejection]) -> dict[str, int]:
    """Return how many labels do not work, as `RoutesHealth` has them."""
    left_out = [one for one in rejected if not one.is_sent]
    warned = [one for one in rejected if one.is_sent]
    return {
        "rejected_count": len(left_out),
        "rejected_services_count": len({one.service for one in left_out}),
        "warned_count": len(warned),
        "warned_services_count": len({one.service for one in warned}),
    }


def rejected_texts(routes: RoutesHealth) -> Iterator[str]:
    """Yield how many labels are rejected, and how many are sent although they will not work."""
    if routes.rejected_count:
        labels = counted(routes.rejected_count, "label")
        services = counted(routes.rejected_services_count, "service")
        yield f"{labels} rejected, affecting {services}"
    if routes.warned_count:
        labels = counted(routes.warned_count, "label")
        services = counted(routes.warned_services_count, "service")
        yield f"{labels} will not work, affecting {services}"
