"""One name that several instances define: the newest deployment has its way, and that is told.

Health plays no part: an element must not change its meaning because an instance is ill.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.traefik.elements import Contribution, Element, ElementKey, Service
from constellation.traefik.rejection import Rejection

DEFAULT_TCP = "_default."  # + entry point: the router for all that comes in there


def winner_of(key: ElementKey, contributions: Iterable[Contribution]) -> Contribution:
    """Return the contribution that counts.

    Of services that would have an entry point of TCP for themselves it is the first by name: one
    that is deployed anew must not get what clients send to another.
    """
    if key.name.startswith(DEFAULT_TCP):
        return min(contributions, key=lambda contribution: contribution.instance)
    return max(contributions, key=lambda contribution: contribution.seniority)


def conflicts(
    key: ElementKey, contributions: Iterable[Contribution], winner: Contribution
) -> list[Rejection]:
    """Return a rejection of each instance that defines `key` otherwise than `winner`."""
    what = f"{winner.instance.service} on {winner.instance.node}"
    if key.name.startswith(DEFAULT_TCP):
        entry_point = key.name.removeprefix(DEFAULT_TCP)
        label, reason = "", f"{what} has the entry point {entry_point} for itself"
        remedy = "give both a TCP router with TLS and HostSNI, or this constellation.tcp=none"
    else:
        label = f"traefik.{key.protocol}.{key.section}.{key.name}"
        reason = f"{what} defines this {key.section[:-1]} differently, and was deployed later"
        remedy = "make them equal, or rename one"
    return [
        Rejection(*other.instance, label, reason, remedy)
        for other in contributions
        if not _agree(other.element, winner.element)
    ]


def _agree(one: Element, other: Element) -> bool:
    """Services may differ in how each instance is reached."""
    if isinstance(one, Service) and isinstance(other, Service):
        return (one.config, one.middlewares) == (other.config, other.middlewares)
    return one == other
