"""The DNS records of the cluster, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from constellation.admin.tables import bullets, cell, table
from constellation.admin.words import counted, duration, plain
from messages.dns import DnsReport, DnsRow, DnsZoneReport

CONTENT_CHARACTERS_SHOWN = 60
CHANGES = {"create", "update", "delete"}
_UNKNOWN = {"failing", "stopped", "not compared"}
_STYLES = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "keep": "",
    "foreign": "dim",
    "blocked": "bold yellow",
}
_OTHERS = {"foreign", "blocked"}  # why, and what to do, is told apart
_WORDS = {"keep": "as it should be", "foreign": "of others", "blocked": "cannot be written"}


def plan_text(report: DnsReport) -> RenderableType:
    """Return the same as `dns_text` without the changes that were made, and how many are to be."""
    rows = [row for zone in report.zones for row in zone.rows if row.action in CHANGES]
    planned = f"{counted(len(rows), 'change')} to be made" if rows else "nothing to change"
    if any(zone.state in _UNKNOWN for zone in report.zones):
        planned = "a zone could not be compared: this is what was known before"
    return Group(dns_text(report.model_copy(update={"changes": ()})), "", planned)


def dns_text(report: DnsReport) -> RenderableType:
    """Return a summary in one line, what is wrong, each zone, and the latest changes."""
    parts: list[RenderableType] = [_headline(report)]
    if report.degraded:
        parts.append(bullets(report.degraded, mark="!", style="yellow"))
    parts.append(Text(_about(report), style="dim"))
    for zone in report.zones:
        parts += ["", _zone_line(zone)]
        if zone.rows:
            parts.append(_records(zone.rows))
            parts += _about_others(zone.rows)
        if zone.rows_unlisted:
            parts.append(Text(f"and {zone.rows_unlisted} more", style="dim"))
    if report.changes:
        parts += ["", "Latest changes:", _changes(report)]
    if report.notes:
        parts += ["", "Notes:", bullets(report.notes, mark="-", style="dim")]
    return Group(*parts)


def _headline(report: DnsReport) -> Text:
    word, style = ("degraded", "bold yellow") if report.degraded else ("all is well", "bold green")
    in_step = sum(zone.state == "in step" for zone in report.zones)
    dry = "; dry run: nothing is changed" if report.dry_run else ""
    return Text.assemble((word, style), f": {in_step} of {len(report.zones)} zones in step{dry}")


def _about(report: DnsReport) -> str:
    token = "" if report.fencing_token is None else f" under fencing token {report.fencing_token}"
    target = f"lb-leader: {plain(report.leader)}" if report.leader else "no node holds lb-leader"
    if report.mode == "all":
        target = "the domain points to all nodes whose ingress works"
    calls = "" if report.calls_left is None else f"; {report.calls_left} requests left"
    blocked = ""
    if report.blocked_s:
        blocked = f"; the provider wants no request for {duration(report.blocked_s)}"
    return f"{plain(report.writer)} writes{token}; {target}{calls}{blocked}"


def _zone_line(zone: DnsZoneReport) -> Text:
    seen = ""
    if zone.in_step_ago_s is not None:
        last = "seen" if zone.state == "in step" else "last seen in step"
        seen = f", {last} {duration(zone.in_step_ago_s)} ago"
    blocked = len({row.name for row in zone.rows if row.action == "blocked"})
    if blocked and zone.state == "in step":
        seen += f", but for {counted(blocked, 'name')}"
    style = {"failing": "bold red", "stopped": "bold red"}.get(zone.state, "bold")
    return Text.assemble((plain(zone.zone), style), f": {zone.state}{seen}")


def _records(found: tuple[DnsRow, ...]) -> Table:
    rows = table("Name", "Type", "Content", "Should be", "State", "Why")
    rows.columns[0].no_wrap = True
    for row in found:
        is_same = row.before == row.after
        rows.add_row(
            cell(row.name),
            row.type,
            _content(row.before),
            "" if is_same or row.action == "foreign" else _content(row.after),
            cell(_WORDS.get(row.action, row.action), _STYLES[row.action]),
            cell("" if row.action in _OTHERS else row.why),
        )
    return rows


def _about_others(found: tuple[DnsRow, ...]) -> Iterator[RenderableType]:
    """Yield what to do about records of others: below the table, because it is long."""
    told = tuple(
        f"{row.name} {row.type} {row.before:.{CONTENT_CHARACTERS_SHOWN}}: {row.why}"
        for row in found
        if row.action == "foreign"
    )
    if told:
        yield bullets(told, mark="-", style="dim")


def _changes(report: DnsReport) -> Table:
    rows = table("Ago", "Change", "Name", "Type", "Before", "After", "Why")
    for row in report.changes:
        rows.add_row(
            duration(row.ago_s),
            cell(row.action, _STYLES[row.action]),
            cell(row.name),
            row.type,
            _content(row.before),
            _content(row.after),
            cell(row.why),
        )
    return rows


def _content(text: str) -> Text:
    if len(text) > CONTENT_CHARACTERS_SHOWN:
        return cell(f"{text[:CONTENT_CHARACTERS_SHOWN]}...")
    return cell(text or "-")
