"""Reports as a person reads them: the most important first, in words and in colours.

Cells are `Text`: in a plain string rich would read '[x]' as markup, and fail at '[/x]'.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from constellation.admin.words import duration, instance_of, plain, reached_at

if TYPE_CHECKING:
    from messages.admin import NodeStatus, StatusReport
    from messages.events import EventName, EventsReport
    from messages.listings import (
        NodeRow,
        NodesReport,
        ServiceRow,
        ServicesReport,
    )

STYLES = {
    "alive": "green",
    "healthy": "green",
    "running": "green",
    "suspect": "yellow",
    "starting": "yellow",
    "backing_off": "yellow",
    "dead": "bold red",
    "unhealthy": "bold red",
    "given_up": "bold red",
    "left": "dim",
    "stopped": "dim",
}
EVENT_STYLES: Mapping[EventName, str] = {
    "join": "green",
    "leave": "dim",
    "update": "dim",
    "failed": "bold red",
    "cordoned": "yellow",
    "uncordoned": "green",
    "name_conflict": "bold red",
    "path_lost": "bold red",
    "path_restored": "green",
    "records_refused": "bold red",
    "key_mismatch": "bold red",
    "keys_changed": "",
    "healthy": "green",
    "unhealthy": "bold red",
    "starting": "yellow",
    "stopped": "dim",
    "gone": "dim",
    "leader_elected": "green",
    "leader_lost": "yellow",
    "raft_voter": "green",
    "raft_learner": "",
    "raft_removed": "yellow",
    "raft_fell_back": "bold red",
    "lease_granted": "green",
    "lease_freed": "yellow",
    "lease_lost": "yellow",
    "dns_changed": "",
    "dns_drift": "yellow",
    "warp_healthy": "green",
    "warp_unhealthy": "bold red",
}
ENDPOINTS_SHOWN_MAX = 3


def render(content: RenderableType, *, width: int, color: bool) -> str:
    """Return the text to print for `content`."""
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(content)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def status_text(report: StatusReport, *, is_verbose: bool = False) -> RenderableType:
    """Return a summary in one line, what is wrong, the status of each node, and the notes."""
    parts: list[RenderableType] = [_headline(report)]
    if report.degraded:
        parts.append(bullets(report.degraded, mark="!", style="yellow"))
    if report.leader:
        parts.append(_leadership(report))
    parts += ["", _node_statuses(report)]
    notes = (*report.notes, *report.absent) if is_verbose else report.notes
    if notes:
        parts += ["", "Notes:", bullets(notes, mark="-", style="dim")]
    return Group(*parts)


def _headline(report: StatusReport) -> Text:
    word, style = ("degraded", "bold yellow") if report.degraded else ("all is well", "bold green")
    counts = ": the cluster is not known"
    if report.is_cluster_known:
        counts = (
            f": {report.nodes_alive} of {report.nodes_total} nodes alive, "
            f"{report.services_healthy} of {report.services_total} service instances serving"
        )
    return Text.assemble((word, style), counts, f" (as {plain(report.self_node)} sees it)")


def _leadership(report: StatusReport) -> Text:
    held = ", ".join(f"{plain(lease.name)}: {plain(lease.holder)}" for lease in report.leases)
    return Text(f"{plain(report.leader)} leads" + (f"; leases: {held}" if held else ""))


def bullets(lines: tuple[str, ...], *, mark: str, style: str) -> Table:
    """Return lines with a mark before each; a long line continues under its beginning."""
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column()
    rows.add_column(overflow="fold")
    for line in lines:
        rows.add_row(Text(f"  {mark}", style=style), cell(line, style))
    return rows


def _node_statuses(report: StatusReport) -> Table:
    rows = table("Node", "Agent", "Up", "Actors", "Restarts")
    for status in report.nodes:
        rows.add_row(
            cell(status.node),
            cell(status.agent_version or "?"),
            cell(duration(status.uptime_s)),
            _actors(status),
            cell(str(sum(actor.restart_count for actor in status.actors))),
        )
    for node in report.unanswered:
        rows.add_row(cell(node), "?", "?", cell("no answer", "yellow"), "?")
    return rows


def _actors(status: NodeStatus) -> Text:
    ailing = [actor for actor in status.actors if actor.state != "running"]
    text = Text(f"{len(status.actors) - len(ailing)} running")
    for actor in ailing:
        text.append(f", {plain(actor.name)} {_words(actor.state)}", style=STYLES[actor.state])
    return text


def nodes_text(report: NodesReport) -> RenderableType:
    """Return a table of nodes, and what is wrong."""
    rows = table("Node", "State", "For", "Address", "Services", "Priority", "Has", "Agent")
    for row in report.nodes:
        rows.add_row(
            cell(f"{row.node} *" if row.is_self else row.node),
            _node_state(row),
            cell(duration(row.changed_ago_s)),
            cell(row.address),
            cell(f"{row.services_healthy}/{row.services_total}"),
            cell(str(row.priority)),
            cell(", ".join(row.capabilities) or "-"),
            cell(row.agent_version or "?"),
        )
    legend = (
        "* the node asked.  For: time in this state.  Services: instances serving / all.  "
        "Priority: lower is preferred as leader."
    )
    return Group(rows, *_wrong(report.degraded), "", Text(legend, style="dim"))


def _wrong(degraded: tuple[str, ...]) -> list[RenderableType]:
    """Return what explains the exit code."""
    return ["", bullets(degraded, mark="!", style="yellow")] if degraded else []


def _node_state(row: NodeRow) -> Text:
    text = cell(row.state, STYLES[row.state])
    if row.cordoned:
        why = f" ({plain(row.cordon_reason)})" if row.cordon_reason else ""
        text.append(f", cordoned{why}", style="yellow")
    return text


def services_text(report: ServicesReport) -> RenderableType:
    """Return a table of services, each name once, a row for each instance, and what is wrong.

    An instance is named beside its node if its name is not that of its service.
    """
    if not report.services:
        none = Text(
            "No service is watched.  Label a container with traefik.enable=true, or configure "
            "static_services.",
            overflow="fold",
        )
        return Group(none, *_wrong(report.degraded))
    rows = table("Service", "Node", "Health", "Serving", "Reached at", "Why")
    before = ""
    for row in report.services:
        rows.add_row(
            cell("" if row.service == before else row.service),
            cell(row.node if row.instance == row.service else instance_of(row.node, row.instance)),
            _health(row),
            "yes" if row.routable else "no",
            cell(reached_at(row.endpoints, ENDPOINTS_SHOWN_MAX)),
            cell(row.reason),
        )
        before = row.service
    return Group(rows, *_wrong(report.degraded))


def _health(row: ServiceRow) -> Text:
    """Return the last reported health; an instance that gets no requests is not shown in green."""
    is_idle = row.health == "healthy" and not row.routable
    return cell(row.health, "dim" if is_idle else STYLES[row.health])


def events_text(report: EventsReport) -> RenderableType:
    """Return a table of events."""
    if not report.events:
        return Text(f"No events in the last {duration(report.since_ago_s)}.")
    rows = table("Ago", "Node", "About", "What", "Why")
    for row in report.events:
        rows.add_row(
            cell(duration(row.ago_s)),
            cell(row.node or "-"),
            cell(instance_of(row.service, row.subject) if row.service else row.subject or "-"),
            cell(_words(row.what), EVENT_STYLES[row.what]),
            cell(row.reason),
        )
    return rows


def table(*columns: str) -> Table:
    """Return an empty table, without borders for grep."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        rows.add_column(column, overflow="fold")
    return rows


def cell(value: str, style: str = "") -> Text:
    """Return `value` as one cell; it may come from another node."""
    return Text(plain(value), style=style)


def _words(state: str) -> str:
    return state.replace("_", " ")
