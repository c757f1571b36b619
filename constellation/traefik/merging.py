"""One name that several instances define: the newest deployment has its way, and that is told.

Health plays no part: an element must not change its meaning because an instance is ill.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from constellation.traefik.elements import Contribution, Element, ElementKey, Service
from constellation.traefik.rejection import Rejection

E = TypeVar("E", bound=Element)


def newest(contributions: Iterable[Contribution]) -> Contribution:
    """Return the contribution of the newest deployment."""
    return max(contributions, key=lambda contribution: contribution.seniority)


def conflicts(
    key: ElementKey, contributions: Iterable[Contribution], winner: Contribution
) -> list[Rejection]:
    """Return a rejection of each instance that defines `key` otherwise than `winner`."""
    kind = key.section[:-1]
    what = f"{winner.instance.service} on {winner.instance.node}"
    reason = f"{what} defines this {kind} differently, and was deployed later"
    remedy = "make them equal, or rename one"
    label = f"traefik.{key.protocol}.{key.section}.{key.name}"
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
