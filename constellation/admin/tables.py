"""Reports as a person reads them: the most important first, words besides colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from messages.admin import (
    NodeRow,
    NodesReport,
    NodeStatus,
    ServiceRow,
    ServicesReport,
    StatusReport,
)
from messages.monitor import Endpoint

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
ENDPOINTS_SHOWN_MAX = 3


def render(content: RenderableType, *, width: int, color: bool) -> str:
    """Return what is printed for `content`."""
    out = StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, no_color=not color, highlight=False
    )
    console.print(content)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def status_text(report: StatusReport) -> RenderableType:
    """Return one line that says it all, what is wrong, and how each node is."""
    table = Table.grid(padding=(0, 0))
    table.add_row(_headline(report))
    for problem in report.degraded:
        table.add_row(Text(f"  ! {problem}", style="yellow", overflow="fold"))
    table.add_row("")
    table.add_row(_node_statuses(report))
    notes = _absent_parts(report)
    if notes:
        table.add_row("")
        table.add_row("Not used:")
        for note in notes:
            table.add_row(Text(f"  {note}", style="dim", overflow="fold"))
    return table


def _absent_parts(report: StatusReport) -> list[str]:
    """Return a line for each part that was never there, with the nodes that lack it."""
    nodes: dict[tuple[str, str, str], list[str]] = {}
    for status in report.nodes:
        for part in status.parts:
            if part.state == "absent":
                nodes.setdefault((part.part, part.why, part.fix), []).append(status.node)
    return [
        f"{part} ({', '.join(names)}): {why}; {fix}" for (part, why, fix), names in nodes.items()
    ]


def _headline(report: StatusReport) -> Text:
    word, style = ("degraded", "bold yellow") if report.degraded else ("all is well", "bold green")
    counts = (
        f": {report.nodes_alive} of {report.nodes_total} nodes alive, "
        f"{report.services_healthy} of {report.services_total} service instances serving"
    )
    return Text.assemble((word, style), counts, f" (as {report.self_node} sees it)")


def _node_statuses(report: StatusReport) -> Table:
    table = _table("Node", "Agent", "Up", "Actors", "Restarts")
    for status in report.nodes:
        table.add_row(
            status.node,
            status.agent_version,
            duration(status.uptime_s),
            _actors(status),
            str(sum(actor.restart_count for actor in status.actors)),
        )
    for node in report.unanswered:
        table.add_row(node, "?", "?", Text("no answer", style="yellow"), "?")
    return table


def _actors(status: NodeStatus) -> Text:
    ailing = [actor for actor in status.actors if actor.state != "running"]
    text = Text(f"{len(status.actors) - len(ailing)} running")
    for actor in ailing:
        text.append(f", {actor.name} {_words(actor.state)}", style=STYLES[actor.state])
    return text


def nodes_text(report: NodesReport) -> RenderableType:
    """Return a table of nodes."""
    table = _table("Node", "State", "For", "Address", "Services", "Priority", "Has", "Agent")
    for row in report.nodes:
        table.add_row(
            f"{row.node} *" if row.is_self else row.node,
            _node_state(row),
            duration(row.changed_ago_s),
            row.address,
            f"{row.services_healthy}/{row.services_total}",
            str(row.priority),
            ", ".join(row.capabilities) or "-",
            row.agent_version or "?",
        )
    legend = "* asked.  Services: healthy of all.  Priority: lower is preferred as leader."
    return Group(table, "", Text(legend, style="dim"))


def _node_state(row: NodeRow) -> Text:
    text = Text(row.state, style=STYLES[row.state])
    if row.cordoned:
        text.append(", cordoned", style="yellow")
    return text


def services_text(report: ServicesReport) -> RenderableType:
    """Return a table of services; each name once, with its instances below one another."""
    if not report.services:
        return Text(
            "No service is watched.  Label a container with traefik.enable=true, or set "
            "static_services.",
            overflow="fold",
        )
    table = _table("Service", "Node", "Health", "Serving", "Reached at", "Why")
    for row, is_first in _with_first(report.services, lambda row: row.service):
        table.add_row(
            row.service if is_first else "",
            row.node,
            Text(row.health, style=STYLES[row.health]),
            "yes" if row.routable else "no",
            _endpoints(row.endpoints),
            row.reason,
        )
    return table


def _endpoints(endpoints: tuple[Endpoint, ...]) -> str:
    shown = [
        f"{one.host}:{one.port}{'/udp' if one.protocol == 'udp' else ''}"
        for one in endpoints
        if one.port
    ]
    more = f" +{len(shown) - ENDPOINTS_SHOWN_MAX}" if len(shown) > ENDPOINTS_SHOWN_MAX else ""
    return (", ".join(shown[:ENDPOINTS_SHOWN_MAX]) + more) or "-"


def _with_first(
    rows: Iterable[ServiceRow], key: Callable[[ServiceRow], str]
) -> Iterable[tuple[ServiceRow, bool]]:
    before: str | None = None
    for row in rows:
        yield row, key(row) != before
        before = key(row)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _words(state: str) -> str:
    return state.replace("_", " ")


def duration(seconds: float) -> str:
    """Return a time span in its two largest units, e.g. '3 h 12 min'."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
