"""The verdict on a cluster: all problems, the worst first, and the notes."""

from __future__ import annotations

from collections.abc import Iterator

from constellation.value import Value
from constellation.wellness import dns, hosts, leases, nodes, raft, routes, services
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Area, Problem


class Judgement(Value):
    """What is wrong, and what is only worth knowing."""

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    absent: tuple[Problem, ...]  # parts of hosts that nobody asked for

    def degraded(self, *areas: Area) -> tuple[str, ...]:
        """Return the problems of some areas, or of all, the worst first."""
        return _texts(self.problems, areas)

    def notes_on(self, *areas: Area) -> tuple[str, ...]:
        """Return the notes of some areas, or of all."""
        return _texts(self.notes, areas)


def judge(facts: Facts) -> Judgement:
    """Return what is wrong with the cluster of `facts`."""
    absent = hosts.parts_absent(facts)
    return Judgement(tuple(_problems(facts)), tuple(_notes(facts)), tuple(absent))


def _problems(facts: Facts) -> Iterator[Problem]:
    if facts.cluster_problem:
        yield Problem("cluster", facts.cluster_problem)
    yield from nodes.in_state(facts, "dead")
    yield from services.down(facts)
    yield from routes.unserved(facts)
    yield from raft.problems(facts)
    yield from leases.problems(facts)
    yield from dns.problems(facts)
    yield from services.unhealthy(facts)
    yield from nodes.in_state(facts, "suspect")
    yield from hosts.given_up(facts)
    yield from hosts.parts_lost(facts)
    yield from hosts.troubles(facts)
    yield from routes.rejected(facts)
    yield from hosts.restarting(facts)
    yield from nodes.silent(facts)


def _notes(facts: Facts) -> Iterator[Problem]:
    yield from nodes.left(facts)
    yield from nodes.cordoned(facts)
    yield from raft.notes(facts)
    yield from hosts.hints(facts)


def _texts(found: tuple[Problem, ...], areas: tuple[Area, ...]) -> tuple[str, ...]:
    return tuple(one.text for one in found if not areas or one.area in areas)
