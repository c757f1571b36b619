"""What is inside a node: its actors, the parts of its host, and the troubles that actors report."""

from __future__ import annotations

from collections.abc import Iterator

from constellation.admin.words import counted, duration
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Problem, because
from constellation.wellness.troubles import worst_first
from messages.admin import PartReported, PartState
from messages.lifecycle import ActorStatus
from messages.wellness import Trouble

_RAFT = "raft"  # the part whose state `raft` judges from the status of the Raft actor


def given_up(facts: Facts) -> Iterator[Problem]:
    """Yield the actors past their restart limit."""
    for status in facts.statuses:
        for actor in status.actors:
            if actor.state == "given_up":
                what = f"actor {actor.name} on {status.node} keeps failing and is restarted slowly"
                yield Problem("actor", _with_times(what, actor, "see its log"))


def restarting(facts: Facts) -> Iterator[Problem]:
    """Yield the actors that ended and do not work again yet.

    One that fails at each start alternates between starting and backing off: it is down all along.
    """
    for status in facts.statuses:
        for actor in status.actors:
            is_again = actor.state == "starting" and actor.restart_count and actor.down_for_s
            if actor.state == "backing_off" or is_again:
                what = f"actor {actor.name} on {status.node} is being restarted"
                yield Problem("actor", _with_times(what, actor, ""))


def _with_times(what: str, actor: ActorStatus, fix: str) -> str:
    times = []
    if actor.down_for_s:
        times.append(f"down for {duration(actor.down_for_s)}")
    if actor.next_try_in_s:
        times.append(f"next try in {duration(actor.next_try_in_s)}")
    why = f"{what}: {actor.last_exit}" if actor.last_exit else what
    return "; ".join(text for text in (why, ", ".join(times), fix) if text)


def parts_lost(facts: Facts) -> Iterator[Problem]:
    """Yield the parts of hosts that should work and do not."""
    yield from _parts(facts, "lost", " does not work")


def parts_absent(facts: Facts) -> Iterator[Problem]:
    """Note the parts that are absent, and not expected."""
    yield from _parts(facts, "absent", "")


def _parts(facts: Facts, state: PartState, what: str) -> Iterator[Problem]:
    """Name the nodes of each part that is in `state`: in one line where the reasons are equal."""
    where: dict[PartReported, list[str]] = {}
    for status in facts.statuses:
        for part in status.parts:
            is_judged_elsewhere = part.part == _RAFT and status.raft is not None
            if part.state == state and not is_judged_elsewhere:
                where.setdefault(part, []).append(status.node)
    for part, nodes in where.items():
        text = because(f"{part.part} on {', '.join(nodes)}{what}", part.why, part.fix)
        yield Problem("host", text)


def troubles(facts: Facts) -> Iterator[Problem]:
    """Yield what actors report to be wrong, and how much more there is."""
    yield from _troubles(facts, is_note=False)
    more = {one.node: one.troubles_unlisted for one in facts.statuses if one.troubles_unlisted}
    if more:
        count = counted(sum(more.values()), "further trouble")
        yield Problem("host", f"{count} on {', '.join(more)}: see the logs there")


def hints(facts: Facts) -> Iterator[Problem]:
    """Note what actors report for information."""
    yield from _troubles(facts, is_note=True)


def _troubles(facts: Facts, *, is_note: bool) -> Iterator[Problem]:
    """Name the nodes of each trouble: in one line where it is the same."""
    where: dict[Trouble, list[str]] = {}
    for status in facts.statuses:
        for trouble in status.troubles:
            if trouble.is_note == is_note:
                where.setdefault(trouble, []).append(status.node)
    for trouble in sorted(where, key=worst_first):
        what = f"{trouble.what} on {', '.join(where[trouble])}"
        yield Problem("host", because(what, trouble.why, trouble.fix))
