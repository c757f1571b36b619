"""`constellation status`, `nodes`, `services` and `events`: the cluster as one node knows it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from constellation.cli.session import AsJson, ask, show
from messages.admin import (
    NodesReport,
    NodesRequest,
    ServicesReport,
    ServicesRequest,
    StatusReport,
    StatusRequest,
)
from messages.events import EventsReport, EventsRequest


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(short_help="Show what is wrong with the cluster, and how to fix it.")(status)
    app.command()(nodes)
    app.command()(services)
    app.command()(events)


Verbose = Annotated[
    bool, typer.Option("--verbose", help="Also list optional parts of hosts that are not there.")
]


def status(*, as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Show whether the cluster is well, what is wrong with it, and how to fix that."""
    from constellation.admin.tables import status_text  # noqa: PLC0415 - rich loads slowly

    text = partial(status_text, is_verbose=verbose)
    show(ask(StatusRequest(), StatusReport), text, as_json=as_json)


def nodes(*, as_json: AsJson = False) -> None:
    """List the nodes of the cluster."""
    from constellation.admin.tables import nodes_text  # noqa: PLC0415 - as above

    show(ask(NodesRequest(), NodesReport), nodes_text, as_json=as_json)


def services(*, as_json: AsJson = False) -> None:
    """List the services of all nodes and their health."""
    from constellation.admin.tables import services_text  # noqa: PLC0415 - as above

    show(ask(ServicesRequest(), ServicesReport), services_text, as_json=as_json)


def events(*, as_json: AsJson = False) -> None:
    """List recent events, the newest first."""
    from constellation.admin.tables import events_text  # noqa: PLC0415 - as above

    show(ask(EventsRequest(), EventsReport), events_text, as_json=as_json)
