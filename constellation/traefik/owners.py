"""Whose labels an instance carries: those of its service, and of its stack.

A service name that no label says may mean two things: projects of Docker Compose are often called
after a directory such as "docker".  If instances with such a name run different programs, told by
the last part of the image's repository, one program keeps the name, and the others are services of
their own.  So are instances of one program on different nodes whose rules have no host in common,
such as two blogs, or a dashboard on each node with its own address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import field

from constellation.cluster_view import InstanceId
from constellation.monitor.service_name import PROJECT_LABEL, SERVICE_LABEL
from constellation.traefik.elements import Author, Instance, Owner, digest
from constellation.traefik.rule_match import named_hosts
from constellation.value import Value
from messages.monitor import ServiceState

_RULE_END = ".rule"
_OPEN = "~"  # it could match any host


def _nobody() -> Any:
    return MappingProxyType({})


class Programs(Value):
    """The programs of one service.

    Attributes:
        kept: those that keep the name.
        others: the program of each instance that runs another one, or the same for other hosts.
        is_told: images differ, so somebody may have meant one service.
    """

    kept: frozenset[str] = frozenset()
    others: Mapping[InstanceId, str] = field(default_factory=_nobody)
    is_told: bool = True


ONE_PROGRAM = Programs()


def programs(states: Mapping[InstanceId, ServiceState]) -> Programs:
    """Return the programs of the instances with one service name.

    Instances whose label or settings say the name keep it; without any, the first program by name
    does, so that a new deployment does not take the name over.
    """
    if len({state.image for state in states.values()}) <= 1 and not _may_differ(states):
        return ONE_PROGRAM  # nearly always
    implied: dict[InstanceId, str] = {}
    kept: set[str] = set()
    for one, state in states.items():
        if is_named(state):
            kept.add(program_of(state))
        else:
            implied[one] = program_of(state)
    images = {*implied.values()} | kept
    if not kept:
        implied = _with_hosts(implied, states)
        kept = {min(implied.values())}
    others = {one: program for one, program in implied.items() if program not in kept}
    return Programs(frozenset(kept), others, len(images) > 1) if others else ONE_PROGRAM


def _may_differ(states: Mapping[InstanceId, ServiceState]) -> bool:
    """Return whether instances on different nodes have different rules."""
    return len({one.node for one in states}) > 1 and len({*map(_rules, states.values())}) > 1


def _rules(state: ServiceState) -> tuple[str, ...]:
    found = [one.value for one in state.labels if one.name[-5:].lower() == _RULE_END]
    return tuple(found)


def _with_hosts(
    programs_of: Mapping[InstanceId, str], states: Mapping[InstanceId, ServiceState]
) -> dict[InstanceId, str]:
    """Return the program of each instance, with a host where one program serves different ones.

    Instances on one node are never told apart.  Those that name no host belong to the first.
    """
    found = dict(programs_of)
    for program in {*programs_of.values()}:
        marks = {one: _marks(one, states[one]) for one, of in programs_of.items() if of == program}
        _, *others = sorted(_apart(marks.values()), key=min) or [frozenset()]
        for group in others:
            for one, own in marks.items():
                if not group.isdisjoint(own):
                    found[one] = f"{program} of {min(group)}"
    return found


def _apart(marks: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """Return `marks` joined where they have any in common, if they are more than a node."""
    groups: list[frozenset[str]] = []
    for own in marks:
        if _OPEN in own:
            return []
        if len(own) > 1:
            near = [group for group in groups if not group.isdisjoint(own)]
            groups = [group for group in groups if group not in near]
            groups.append(own.union(*near))
    return groups


def _marks(one: InstanceId, state: ServiceState) -> frozenset[str]:
    """Return an instance's node, and the hosts in its rules; they sort first."""
    named = [named_hosts(rule) for rule in _rules(state)]
    hosts = {host for names in named for host in names.hosts}
    return frozenset({f"~{one.node}", *hosts, *(_OPEN for names in named if names.is_open)})


def program_of(state: ServiceState) -> str:
    """Return the last part of the image's repository, without its tag; empty: no image is known."""
    return state.image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def author_of(instance: Instance, state: ServiceState, known: Programs) -> Author:
    """Return whose labels an instance carries; `known` are the programs of its service."""
    stack = ""
    for label in state.labels:
        if label.name == PROJECT_LABEL:
            stack = label.value
    if known is ONE_PROGRAM:
        return Author(Owner(state.service), stack)
    program = known.others.get(instance.id, "")
    return Author(Owner(state.service, program), stack, "programs" if known.is_told else "hosts")


def twin_of(state: ServiceState) -> str:
    """Return what the containers of one program with the same labels of Traefik share.

    On one node, outside Docker Compose, they are replicas.  The labels may differ in how each of
    them is reached.
    """
    labels = sorted(
        (label.name.lower(), label.value)
        for label in state.labels
        if label.name.lower().startswith("traefik.")
        and ".loadbalancer.server." not in label.name.lower()
    )
    return digest(program_of(state), *(text for label in labels for text in label))


def is_named(state: ServiceState) -> bool:
    """Return whether a label or the settings say the name of its service."""
    return state.source == "static" or any(
        label.name.lower() == SERVICE_LABEL and label.value.strip() for label in state.labels
    )
