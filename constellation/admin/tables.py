"""Reports as a person reads them: the most important first, words besides colours.

Cells are `Text`: in a plain string rich would take '[x]' for markup, and fail at '[/x]'.
"""

from __future__ import annotations

from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from constellation.admin.words import duration, plain, reached_at
from messages.admin import (
    NodeRow,
    NodesReport,
    NodeStatus,
    ServiceRow,
    ServicesReport,
    StatusReport,
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
ENDPOINTS_SHOWN_MAX = 3


def render(content: RenderableType, *, width: int, color: bool) -> str:
    """Return what is printed for `content`."""
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


def status_text(report: StatusReport) -> RenderableType:
    """Return one line that says it all, what is wrong, how each node is, and the notes."""
    parts: list[RenderableType] = [_headline(report)]
    if report.degraded:
        parts.append(_list(report.degraded, mark="!", style="yellow"))
    parts += ["", _node_statuses(report)]
    if report.notes:
        parts += ["", "Notes:", _list(report.notes, mark="-", style="dim")]
    return Group(*parts)


def _headline(report: StatusReport) -> Text:
    word, style = ("degraded", "bold yellow") if report.degraded else ("all is well", "bold green")
    counts = (
        f": {report.nodes_alive} of {report.nodes_total} nodes alive, "
        f"{report.services_healthy} of {report.services_total} service instances serving"
    )
    return Text.assemble((word, style), counts, f" (as {plain(report.self_node)} sees it)")


def _list(lines: tuple[str, ...], *, mark: str, style: str) -> Table:
    """Return lines with a mark before each; what does not fit goes on under its beginning."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(Text(f"  {mark}", style=style), _text(line, style))
    return table


def _node_statuses(report: StatusReport) -> Table:
    table = _table("Node", "Agent", "Up", "Actors", "Restarts")
    for status in report.nodes:
        table.add_row(
            _text(status.node),
            _text(status.agent_version or "?"),
            _text(duration(status.uptime_s)),
            _actors(status),
            _text(str(sum(actor.restart_count for actor in status.actors))),
        )
    for node in report.unanswered:
        table.add_row(_text(node), "?", "?", _text("no answer", "yellow"), "?")
    return table


def _actors(status: NodeStatus) -> Text:
    ailing = [actor for actor in status.actors if actor.state != "running"]
    text = Text(f"{len(status.actors) - len(ailing)} running")
    for actor in ailing:
        text.append(f", {plain(actor.name)} {_words(actor.state)}", style=STYLES[actor.state])
    return text


def nodes_text(report: NodesReport) -> RenderableType:
    """Return a table of nodes."""
    table = _table("Node", "State", "For", "Address", "Services", "Priority", "Has", "Agent")
    for row in report.nodes:
        table.add_row(
            _text(f"{row.node} *" if row.is_self else row.node),
            _node_state(row),
            _text(duration(row.changed_ago_s)),
            _text(row.address),
            _text(f"{row.services_healthy}/{row.services_total}"),
            _text(str(row.priority)),
            _text(", ".join(row.capabilities) or "-"),
            _text(row.agent_version or "?"),
        )
    legend = "* asked.  Services: serving of all.  Priority: lower is preferred as leader."
    return Group(table, "", Text(legend, style="dim"))


def _node_state(row: NodeRow) -> Text:
    text = _text(row.state, STYLES[row.state])
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
    before = ""
    for row in report.services:
        table.add_row(
            _text("" if row.service == before else row.service),
            _text(row.node),
            _health(row),
            "yes" if row.routable else "no",
            _text(reached_at(row.endpoints, ENDPOINTS_SHOWN_MAX)),
            _text(row.reason),
        )
        before = row.service
    return table


def _health(row: ServiceRow) -> Text:
    """Return the health that was said last; one that nobody can use now is not shown as good."""
    is_idle = row.health == "healthy" and not row.routable
    return _text(row.health, "dim" if is_idle else STYLES[row.health])


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _text(value: str, style: str = "") -> Text:
    return Text(plain(value), style=style)


def _words(state: str) -> str:
    return state.replace("_", " ")
