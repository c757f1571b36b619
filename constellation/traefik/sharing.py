"""Which instances share a service name of labels: each group of them is one service.

Instances share it if they have the same owner, on whatever node, or belong to the same stack on the
same node, as blue and green do.  Outside Docker Compose, containers on one node that run the same
program with the same labels share it: nothing could tell their routers apart.  No others share it,
not even a stack on two nodes of which no owner is on both: its names may have been chosen without
knowing of each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from constellation.traefik.elements import (
    Contribution,
    Dispute,
    Element,
    ElementKey,
    Instance,
    Owner,
    Service,
    Site,
    Whose,
)
from constellation.traefik.merging import NO_SITES, by_owner, conflicts, sites_of, winner_of
from constellation.traefik.owners import is_named, twin_of
from constellation.traefik.rejection import Rejection
from constellation.traefik.service_servers import States
from constellation.traefik.small import OneItem, compact


class Meaning(NamedTuple):
    """What one owner means by a name that it defines, and its stacks on nodes.

    `dispute`: what tells the owner apart from others with its service name.
    """

    key: ElementKey
    sites: frozenset[Site]
    dispute: Dispute = ""


class Group(NamedTuple):
    """Instances that share a service name, and everything that follows from their labels.

    Attributes:
        key: what they mean by the name.
        members: their contributions, by instance.
        meanings: the same for each of their owners.
        winner: the contribution that defines the service.
        whose: whose names that one means.
        rejected: members that define the service differently.
        routed: instances whose labels are about routing, so no default router leads to them.
    """

    key: ElementKey
    members: tuple[Contribution, ...]
    meanings: Mapping[Owner, Meaning]
    winner: Contribution
    whose: Whose
    rejected: tuple[Rejection, ...]
    routed: tuple[Instance, ...]


def sharing(
    key: ElementKey, contributions: Collection[Contribution], states: States
) -> tuple[Group, ...]:
    """Return the contributions to the service name `key` in groups."""
    if len(contributions) == 1:  # nearly always
        (one,) = contributions
        return (_alone(key, one),)
    by = by_owner(contributions)
    if len(by) == 1:
        return (_group(key, by, _stack_of(by), is_plain=True),)
    apart = _apart(by, states)
    stacks = [_stack_of(owners) for owners in apart]
    seen = Counter(stacks)
    return tuple(
        _group(key, owners, stack if seen[stack] == 1 else "", is_plain=len(apart) == 1)
        for owners, stack in zip(apart, stacks, strict=True)
    )


_Owners = dict[Owner, list[Contribution]]


def _apart(by: _Owners, states: States) -> list[_Owners]:
    """Return the owners that share the name, by group."""
    first_at: dict[Site, Owner] = {}
    joined = {owner: owner for owner in by}  # each with another one of its group, or itself

    def root(owner: Owner) -> Owner:
        while (other := joined[owner]) != owner:
            joined[owner] = owner = joined[other]  # so that the way is shorter next time
        return owner

    for owner, own in by.items():
        for site in {*sites_of(own), *_twins(own, states)}:
            joined[root(owner)] = root(first_at.setdefault(site, owner))
    groups: dict[Owner, _Owners] = {}
    for owner, own in by.items():
        groups.setdefault(root(owner), {})[owner] = own
    return [*groups.values()]


def _twins(own: Iterable[Contribution], states: States) -> Iterator[Site]:
    for one in own:
        state = states[one.instance.service][one.instance.id]
        if not one.author.stack and not is_named(state):
            yield f"\0{twin_of(state)}", one.instance.node


def _stack_of(owners: _Owners) -> str:
    """Return the stack to which all instances belong; empty: there is no such stack."""
    stacks = {one.author.stack for own in owners.values() for one in own}
    return stacks.pop() if len(stacks) == 1 else ""


def _alone(written: ElementKey, one: Contribution) -> Group:
    """Return the group of a single instance, as `_group` does."""
    owner, stack, dispute = one.author
    key = written.meant_by(Owner("", "", stack) if stack else owner, is_plain=True)
    sites = frozenset([(stack, one.instance.node)]) if stack else NO_SITES
    meanings = OneItem(owner, Meaning(key, sites, dispute))
    routed = (one.instance,) if _is_routed(one.element) else ()
    return Group(key, (one,), meanings, one, Whose(owner, sites), (), routed)


def _group(written: ElementKey, owners: _Owners, stack: str, *, is_plain: bool) -> Group:
    """Return a group, called after its stack, or else an owner: a stack outlasts its owners."""
    owner = Owner("", "", stack) if stack else min(owners)
    key = written.meant_by(owner, is_plain=is_plain)
    members = [one for own in owners.values() for one in own]
    meanings = compact(
        {owner: Meaning(key, sites_of(own), own[0].author.dispute) for owner, own in owners.items()}
    )
    winner, rejected = members[0], []
    if len(members) > 1:
        members.sort(key=lambda one: one.instance)
        winner = winner_of(key, members)
        rejected = conflicts(key, members, winner)
    whose = Whose(winner.author.owner, meanings[winner.author.owner].sites)
    routed = tuple([one.instance for one in members if _is_routed(one.element)])
    return Group(key, tuple(members), meanings, winner, whose, tuple(rejected), routed)


def _is_routed(element: Element) -> bool:
    return isinstance(element, Service) and element.is_routed
