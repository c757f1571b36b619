"""What the writer tells an operator: each zone, the latest changes, and what to act on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from constellation.dns.plan import CHANGES, Plan, Row
from constellation.dns.writer import DnsWriter
from constellation.dns.zone_writer import Problem, RoundDone, ZoneWriter
from messages.dns import (
    CHANGES_SHOWN_MAX,
    ROWS_MAX,
    DnsChangeRow,
    DnsReport,
    DnsRow,
    DnsZoneReport,
    ZoneState,
)
from messages.wellness import TEXT_CHARACTERS_MAX, TROUBLES_MAX, Trouble

WHAT_CHARACTERS_MAX = 256  # of a trouble
_DRY = Trouble(kind="dns", what="DNS", why="dns.dry_run is set: no record is changed", is_note=True)


@dataclass(frozen=True, slots=True)
class _Change:
    at_s: float
    zone: str
    row: Row


class Reporter:
    """Remembers the latest changes.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._changes: deque[_Change] = deque(maxlen=CHANGES_SHOWN_MAX)

    def done(self, done: RoundDone, now_s: float) -> tuple[Row, ...]:
        """Note a round that has ended; return what it has changed."""
        if not done.is_done:
            return ()
        rows = tuple(row for row in done.plan.rows() if row.action in CHANGES)
        self._changes.extend(_Change(now_s, done.zone, row) for row in rows)
        return rows

    def report(
        self,
        writer: DnsWriter,
        problems: Iterable[str],
        *,
        own_node: str,
        leader: str,
        mode: str,
        now_s: float,
    ) -> DnsReport:
        """Return what the node that writes tells; `problems` are those of what is wanted."""
        zones = writer.zones.values()
        found = troubles(writer, problems)
        told = {one for zone in zones if zone.plan is not None for one in _others(zone.plan)}
        return DnsReport(
            writer=own_node,
            fencing_token=writer.token,
            leader=leader,
            mode=mode,
            dry_run=writer.is_dry_run,
            zones=tuple(_zone_report(zone, now_s) for zone in zones),
            changes=tuple(_change_row(change, now_s) for change in reversed(self._changes)),
            calls_left=writer.budget.left(now_s),
            blocked_s=writer.budget.blocked_s(now_s),
            degraded=tuple(_text(one) for one in found if not one.is_note),
            # What stands beside our records has a row, and `dry_run` says the other.
            notes=tuple(_text(one) for one in found if one.is_note and one not in told | {_DRY}),
        )


def troubles(writer: DnsWriter, problems: Iterable[str]) -> tuple[Trouble, ...]:
    """Return what an operator should act on, and what is worth knowing; of the node that writes."""
    if writer.token is None:
        return ()
    found = [_trouble(problem) for problem in problems]
    if writer.is_dry_run:
        found.append(_DRY)
    for zone in writer.zones.values():
        if zone.problem is not None:
            found.append(_failing(zone.name, zone.problem))
        elif zone.plan is not None:
            found += [_trouble(problem) for problem in zone.plan.problems]
            found += _others(zone.plan)
            found += [_trouble(note, is_note=True) for note in zone.plan.warnings]
    return tuple(sorted(found, key=lambda one: one.is_note)[:TROUBLES_MAX])


def address_troubles(why: str) -> tuple[Trouble, ...]:
    """Return what an operator should know if this node's public address is not known."""
    if not why:
        return ()
    trouble = Trouble(
        kind="dns",
        what="the public address is not known",
        why=why[:TEXT_CHARACTERS_MAX],
        fix="no record can point here: set dns.addresses on this node, or see dns.address_sources",
    )
    return (trouble,)


def _trouble(text: str, *, is_note: bool = False) -> Trouble:
    return Trouble(kind="dns", what="DNS", why=text[:TEXT_CHARACTERS_MAX], is_note=is_note)


def _others(plan: Plan) -> Iterator[Trouble]:
    """Yield the names that get no record because of those of others, and where both stand."""
    blocked = {one.name for one in plan.blocked}
    for one in plan.blocked:
        what = f"the DNS record {one.name} cannot be written"
        yield _at(one.name, what, one.why, one.fix)
    for name in sorted({one.name for one in plan.foreign} - blocked):
        first = next(one for one in plan.foreign if one.name == name)
        content = f"{first.record.type} {first.record.content:.80}"
        what = f"a DNS record of others at {name} ({content}), seen"
        yield _at(name, what, first.why, first.fix, is_note=True)


def _at(name: str, what: str, why: str, fix: str, *, is_note: bool = False) -> Trouble:
    return Trouble(
        kind="dns",
        subject=name,
        what=what[:WHAT_CHARACTERS_MAX],
        why=why[:TEXT_CHARACTERS_MAX],
        fix=fix[:TEXT_CHARACTERS_MAX],
        is_note=is_note,
    )


def _text(trouble: Trouble) -> str:
    return "; ".join(part for part in (f"{trouble.what}: {trouble.why}", trouble.fix) if part)


def _failing(zone: str, problem: Problem) -> Trouble:
    return _at(zone, f"the DNS zone {zone} fails", problem.why, problem.fix)


def _zone_report(zone: ZoneWriter, now_s: float) -> DnsZoneReport:
    rows = _rows(zone)
    problem, at_s = zone.problem, zone.in_step_at_s
    return DnsZoneReport(
        zone=zone.name,
        state=_state(zone),
        in_step_ago_s=None if at_s is None else max(0.0, now_s - at_s),
        problem=problem.why if problem else "",
        fix=problem.fix if problem else "",
        rows=tuple(_row(row) for row in rows[:ROWS_MAX]),
        rows_unlisted=max(0, len(rows) - ROWS_MAX),
    )


def _rows(zone: ZoneWriter) -> list[Row]:
    if zone.plan is None:
        return []
    return zone.plan.rows_after() if zone.is_applied else zone.plan.rows_now()


def _state(zone: ZoneWriter) -> ZoneState:
    if zone.is_fenced:
        return "stopped"
    if zone.problem is not None:
        return "failing"
    if zone.state == "resting":
        if zone.plan is not None and not zone.is_applied:
            return "differs"
        return "in step" if zone.is_in_step else "not compared"
    return "changing" if zone.state == "changing" else "comparing"


def _row(row: Row) -> DnsRow:
    return DnsRow(
        action=row.action,
        name=row.name,
        type=row.type,
        before=row.before,
        after=row.after,
        why=row.why,
    )


def _change_row(change: _Change, now_s: float) -> DnsChangeRow:
    row = change.row
    return DnsChangeRow(
        ago_s=max(0.0, now_s - change.at_s),
        zone=change.zone,
        action=row.action,
        name=row.name,
        type=row.type,
        before=row.before,
        after=row.after,
        why=row.why,
    )
