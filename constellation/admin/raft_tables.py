"""Raft and its leases, as a person reads them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from constellation.admin.tables import STYLES, bullets, cell, table
from constellation.admin.words import duration, plain, size
from constellation.wellness.raft import answering_verb
from messages.raft_reports import LeaseRow, LeasesReport, RaftMemberRow, RaftReport


def raft_text(report: RaftReport) -> RenderableType:
    """Return a summary in one line, what is wrong, a row for each member, and the notes."""
    parts: list[RenderableType] = [_headline(report)]
    if report.degraded:
        parts.append(bullets(report.degraded, mark="!", style="yellow"))
    if report.cluster_id:
        parts.append(Text(_about(report), style="dim"))
    if report.members:
        parts += ["", _members(report)]
        legend = (
            "* the node asked.  Match: last log index that it is known to hold.  Contact: time "
            "since it answered the leader."
        )
        parts += ["", Text(legend, style="dim")]
    if report.notes:
        parts += ["", "Notes:", bullets(report.notes, mark="-", style="dim")]
    return Group(*parts)


def _headline(report: RaftReport) -> Text:
    word, style = ("degraded", "bold yellow") if report.degraded else ("all is well", "bold green")
    return Text.assemble(
        (word, style), f": {_summary(report)} (as {plain(report.self_node)} ", "sees it)"
    )


def _summary(report: RaftReport) -> str:
    if report.condition == "waiting":
        return "no Raft cluster yet"
    if report.leader and report.has_quorum:
        leads = f"{plain(report.leader)} leads in term {report.term}, quorum"
    else:
        leads = f"no leader in term {report.term}, no quorum"
    return f"{leads}: {_count(report)}"


def _count(report: RaftReport) -> str:
    verb = answering_verb(report.voters_answering, by_gossip=report.counted_by == "gossip")
    return f"{report.voters_answering} of {report.voters_total} voters {verb}"


def _about(report: RaftReport) -> str:
    return (
        f"cluster {plain(report.cluster_id)}, log up to {report.last_index} (committed: "
        f"{report.commit_index}), journal {size(report.journal_bytes)}"
    )


def _members(report: RaftReport) -> Table:
    rows = table("Node", "Role", "Member", "State", "Priority", "Match", "Log", "Contact")
    for row in report.members:
        rows.add_row(
            cell(f"{row.node} *" if row.is_self else row.node),
            cell("?" if row.role == "unknown" else row.role, _role_style(row)),
            "voter" if row.is_voter else "learner",
            cell(row.state or "?", STYLES[row.state] if row.state else ""),
            _number(row.priority),
            _number(row.match_index),
            _log(row),
            _contact(row),
        )
    return rows


def _role_style(row: RaftMemberRow) -> str:
    return {"leader": "green", "candidate": "yellow"}.get(row.role, "")


def _log(row: RaftMemberRow) -> Text:
    if row.behind is None:
        return Text("?")
    return Text(f"{row.behind} behind", style="yellow") if row.behind else Text("up to date")


def _contact(row: RaftMemberRow) -> str:
    if row.role == "leader":
        return "-"
    return "?" if row.heard_ago_s is None else f"{duration(row.heard_ago_s)} ago"


def _number(value: int | None, unknown: str = "?") -> str:
    return unknown if value is None else str(value)


def leases_text(report: LeasesReport) -> RenderableType:
    """Return whether the leader confirmed the leases, and a row for each."""
    parts: list[RenderableType] = []
    if report.degraded:
        parts += [bullets(report.degraded, mark="!", style="yellow"), ""]
    rows = table("Lease", "Holder", "Fencing token", "TTL", "Renewed at")
    for row in report.leases:
        rows.add_row(
            cell(row.name),
            _holder(row),
            _number(row.fencing_token, "-"),
            "-" if row.ttl_s is None else f"{row.ttl_s:g} s",
            _number(row.renewed_index, "-"),
        )
    confirmed = "Confirmed by the leader.  " if report.is_confirmed else ""
    legend = (
        f"{confirmed}Known up to log index {report.index}.  Fencing token: log index of the "
        "grant.  TTL: the lease expires this long after its last renewal.  Renewed at: log index "
        "of that; what the leader holds is renewed without the log."
    )
    parts += [rows, ""]
    if report.no_candidates:
        lines = (f"{one.node} does not want lb-leader: {one.why}" for one in report.no_candidates)
        parts += [bullets(tuple(lines), mark="-", style=""), ""]
    return Group(*parts, Text(legend, style="dim"))


def _holder(row: LeaseRow) -> Text:
    text = cell(row.holder or "-")
    if row.holder_state is not None and row.holder_state != "alive":
        text.append(f" ({row.holder_state})", style=STYLES[row.holder_state])
    return text
