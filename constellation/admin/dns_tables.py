"""The DNS records of the cluster, as a person reads them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from constellation.admin.tables import bullets, cell, table
from constellation.admin.words import duration, plain
from messages.dns import DnsReport, DnsRow, DnsZoneReport

CONTENT_CHARACTERS_SHOWN = 60
_STYLES = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "keep": "",
    "foreign": "dim",
    "blocked": "bold yellow",
}
_WORDS = {"keep": "as it should be", "foreign": "of others", "blocked": "cannot be written"}


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
    calls = "" if report.calls_left is None else f"; {report.calls_left} calls left"
    blocked = f"; no calls for {duration(report.blocked_s)}" if report.blocked_s else ""
    return f"{plain(report.writer)} writes{token}; {target}{calls}{blocked}"


def _zone_line(zone: DnsZoneReport) -> Text:
    seen = ""
    if zone.in_step_ago_s is not None:
        seen = f", last seen in step {duration(zone.in_step_ago_s)} ago"
    style = {"failing": "bold red", "stopped": "bold red"}.get(zone.state, "bold")
    return Text.assemble((plain(zone.zone), style), f": {zone.state}{seen}")


def _records(found: tuple[DnsRow, ...]) -> Table:
    rows = table("Name", "Type", "Content", "Should be", "State", "Why")
    for row in found:
        is_same = row.before == row.after
        rows.add_row(
            cell(row.name),
            row.type,
            _content(row.before),
            "" if is_same else _content(row.after),
            cell(_WORDS.get(row.action, row.action), _STYLES[row.action]),
            cell(row.why),
        )
    return rows


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
