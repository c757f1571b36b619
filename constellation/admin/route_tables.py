"""Routes as a person reads them: from the name to the instances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from constellation.admin.tables import bullets, cell, table
from constellation.admin.words import counted, duration, instance_of, plain
from messages.routes import (
    BackendRow,
    DnsLead,
    ExplainReport,
    RejectedReport,
    RejectionRow,
    RouteRow,
)


def explain_text(report: ExplainReport) -> RenderableType:
    """Return a summary in one line, what is wrong, each route, and what was left out."""
    parts: list[RenderableType] = [_headline(report)]
    if report.degraded:
        parts.append(bullets(report.degraded, mark="!", style="yellow"))
    if report.dns is not None and report.dns.record:
        parts += ["", _dns(report.dns)]
    for route in report.routes:
        parts += ["", *_route(route)]
    parts += _both_kinds(report.rejected)
    if report.notes:
        parts += ["", "Notes:", bullets(report.notes, mark="-", style="dim")]
    parts += ["", Text(_about_traefik(report), style="dim")]
    return Group(*parts)


def _headline(report: ExplainReport) -> Text:
    word, style = ("degraded", "bold yellow") if report.degraded else ("all is well", "bold green")
    instances = {
        (backend.service, backend.node, backend.instance)
        for route in report.routes
        for backend in route.backends
        if backend.serving
    }
    routes = counted(len(report.routes), "route")
    served = f"{counted(len(instances), 'instance')} serving"
    text = (
        f": {plain(report.subject)} has {routes}, {served} (as {plain(report.self_node)} sees it)"
    )
    return Text.assemble((word, style), text)


def _about_traefik(report: ExplainReport) -> str:
    polled = "Traefik has never polled this agent"
    if report.polled_ago_s is not None:
        polled = f"Traefik polled {duration(report.polled_ago_s)} ago"
    return f"{polled}; the configuration changed {duration(report.body_age_s)} ago."


def _dns(lead: DnsLead) -> Text:
    """Return which record answers for the name, and where it leads."""
    text = Text.assemble("DNS: ", (plain(lead.record), "bold"))
    if not lead.contents:
        return text.append(" stays as it is", style="yellow")
    leads = " should be " if lead.problems else " -> "
    text.append(f"{leads}{', '.join(map(plain, lead.contents))}")
    if lead.nodes:
        text.append(f" on {', '.join(map(plain, lead.nodes))}")
    return text.append(f"  ({plain(lead.why)})", style="dim")


def _route(route: RouteRow) -> Iterable[RenderableType]:
    rule = plain(route.rule) or f"every {route.protocol.upper()} packet"
    where = ", ".join(map(plain, route.entry_points)) or "Traefik's default entry points"
    priority = "" if route.priority is None else f", priority {route.priority}"
    tls = ", TLS" if route.tls else ""
    yield Text.assemble((rule, "bold"), f"  on {where}{tls}{priority}")
    chain = [f"router {plain(route.router)}", *map(plain, route.middlewares)]
    chain.append(f"service {plain(route.service)}")
    yield Text("  " + " -> ".join(chain))
    if route.before:
        text = f"  gets no requests for this host: router {plain(route.before)} comes first"
        yield Text(text, style="yellow")
    if route.defined_by:
        yield Text(f"  defined by {', '.join(map(plain, route.defined_by))}", style="dim")
    if route.backends:
        yield Padding(_backends(route.backends), (0, 0, 0, 2))
    elif "@" not in route.service:
        yield Text("  no instance", style="yellow")


def _backends(backends: Iterable[BackendRow]) -> Table:
    rows = table("Instance", "Node", "Requests", "Address", "Reached by", "Changed")
    for row in backends:
        share = "yes" if row.weight is None else f"yes, weight {row.weight}"
        rows.add_row(
            cell(instance_of(row.service, row.instance)),
            cell(row.node),
            cell(share, "green") if row.serving else cell(f"no: {row.why}", "yellow"),
            cell(row.address or "-"),
            row.way or "-",
            f"{duration(row.changed_ago_s)} ago",
        )
    return rows


def rejected_text(report: RejectedReport) -> RenderableType:
    """Return how much was left out or will not work, and a row for each."""
    if not report.rejected and not report.degraded:
        return Text.assemble(
            ("all is well", "bold green"),
            f": every label works as written (as {plain(report.self_node)} sees it)",
        )
    parts: list[RenderableType] = [bullets(report.degraded, mark="!", style="yellow")]
    parts += _both_kinds(report.rejected)
    if report.total > len(report.rejected):
        parts += ["", f"These are the first {len(report.rejected)}; /api/rejected lists more."]
    return Group(*parts)


def _both_kinds(rejected: Sequence[RejectionRow]) -> Iterable[RenderableType]:
    """Yield what was left out, then what is sent but will not work, each below its heading."""
    for is_sent, heading in ((False, "Left out:"), (True, "Sent, but will not work as written:")):
        if found := [row for row in rejected if row.is_sent == is_sent]:
            yield from ("", heading, _rejections(found))


def _rejections(rejected: Iterable[RejectionRow]) -> RenderableType:
    """Return what does not work, why, and the remedy: in lines, because all of it is long."""
    lines: list[RenderableType] = []
    for row in rejected:
        about = f"  {plain(row.service)} on {plain(row.node)}"
        label = f": {plain(row.label)}" if row.label else ""
        lines.append(Text.assemble((about, "bold"), label))
        lines.append(Padding(Text(plain(row.reason)), (0, 0, 0, 4)))
        lines.append(Padding(Text(f"-> {plain(row.remedy)}"), (0, 0, 0, 4)))
    return Group(*lines)
