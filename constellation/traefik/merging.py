"""One name that several instances define: the newest deployment wins, the others are listed.

Names in labels were chosen for one host, and two hosts' "auth" meet in a cluster.  A router must
not be guarded or led by what the labels of another service define under the same name, so
instances are grouped by owner first.  Only a service is shared by a whole stack on a node, as that
is how blue and green are labelled.  Health plays no part: an element must not change its meaning
because an instance is unhealthy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from constellation.traefik.elements import (
    Contribution,
    Element,
    ElementKey,
    Owner,
    Service,
    Site,
)
from constellation.traefik.rejection import Rejection

NO_SITES: frozenset[Site] = frozenset()  # shared, because an empty set takes 200 bytes


def by_owner(contributions: Collection[Contribution]) -> dict[Owner, list[Contribution]]:
    """Return `contributions` by their owner, sorted by instance."""
    if len(contributions) == 1:  # nearly always
        return {one.author.owner: [one] for one in contributions}
    found: dict[Owner, list[Contribution]] = {}
    for contribution in sorted(contributions, key=lambda one: one.instance):
        found.setdefault(contribution.author.owner, []).append(contribution)
    return found


def sites_of(group: Iterable[Contribution]) -> frozenset[Site]:
    """Return the stacks on nodes to which `group` belongs."""
    sites = [(one.author.stack, one.instance.node) for one in group if one.author.stack]
    return frozenset(sites) if sites else NO_SITES


def winner_of(key: ElementKey, contributions: Collection[Contribution]) -> Contribution:
    """Return the contribution that counts.

    Of services that would have a TCP entry point for themselves it is the first by name: a new
    deployment must not receive what clients send to another service.
    """
    if len(contributions) == 1:  # nearly always
        (one,) = contributions
        return one
    if key.origin.writer == "entry point":
        return min(contributions, key=lambda contribution: contribution.instance)
    return max(contributions, key=lambda contribution: contribution.seniority)


def conflicts(
    key: ElementKey, contributions: Iterable[Contribution], winner: Contribution
) -> list[Rejection]:
    """Return a rejection of each instance whose definition of `key` differs from the winner's."""
    others = [
        one
        for one in contributions
        if one is not winner and not _agree(one.element, winner.element)
    ]
    if not others:
        return []
    what = f"{winner.instance.service} on {winner.instance.node}"
    if key.origin.writer == "entry point":
        label, reason = "", f"{what} already has the entry point {key.name}"
        remedy = "give both a TCP router with TLS and HostSNI, or set constellation.tcp=none here"
    else:
        label = f"traefik.{key.protocol}.{key.section}.{key.name}"
        reason = f"{what} defines this {key.section[:-1]} differently, and was deployed later"
        remedy = "make both definitions equal, or rename one"
    return [Rejection(*other.instance.place, label, reason, remedy) for other in others]


def _agree(one: Element, other: Element) -> bool:
    """Services may differ in how each instance is reached."""
    if isinstance(one, Service) and isinstance(other, Service):
        return (one.config, one.middlewares) == (other.config, other.middlewares)
    return one == other
