"""Whose labels an instance carries: those of its service, and of its stack.

A service name that no label says may mean two things: projects of Docker Compose are often called
after a directory such as "docker".  If instances with such a name run different programs, told by
the last part of the image's repository, one program keeps the name, and the others are services of
their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from constellation.cluster_view import InstanceId
from constellation.monitor.service_name import PROJECT_LABEL, SERVICE_LABEL
from constellation.traefik.elements import Author, Instance, Owner, digest
from messages.monitor import ServiceState


def _nobody() -> Any:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one service.

    Attributes:
        kept: those that keep the name.
        others: the program of each instance that runs another one.
    """

    kept: frozenset[str] = frozenset()
    others: Mapping[InstanceId, str] = field(default_factory=_nobody)


ONE_PROGRAM = Programs()


def programs(states: Mapping[InstanceId, ServiceState]) -> Programs:
    """Return the programs of the instances with one service name.

    Instances whose label or settings say the name keep it; without any, the first program by name
    does, so that a new deployment does not take the name over.
    """
    if len({state.image for state in states.values()}) <= 1:  # nearly always
        return ONE_PROGRAM
    implied: dict[InstanceId, str] = {}
    kept: set[str] = set()
    for one, state in states.items():
        if is_named(state):
            kept.add(program_of(state))
        else:
            implied[one] = program_of(state)
    if not kept:
        kept = {min(implied.values())}
    others = {one: program for one, program in implied.items() if program not in kept}
    return Programs(frozenset(kept), others) if others else ONE_PROGRAM


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
    return Author(Owner(state.service, program), stack, is_disputed=True)


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
