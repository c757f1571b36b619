"""`constellation nodes`, `services` and `events`: the cluster as one node knows it."""

from __future__ import annotations

from constellation.cli.session import ask, show
from messages.events import EventsReport, EventsRequest
from messages.listings import (
    NodesReport,
    NodesRequest,
    ServicesReport,
    ServicesRequest,
)


def nodes(*, as_json: bool = False) -> None:
    """List the nodes of the cluster."""
    from constellation.admin.tables import nodes_text  # noqa: PLC0415 - rich loads slowly

    show(ask(NodesRequest(), NodesReport), nodes_text, as_json=as_json)


def services(*, as_json: bool = False) -> None:
    """List the services of all nodes and their health."""
    from constellation.admin.tables import services_text  # noqa: PLC0415 - as above

    show(ask(ServicesRequest(), ServicesReport), services_text, as_json=as_json)


def events(*, as_json: bool = False) -> None:
    """List recent events, the newest first."""
    from constellation.admin.tables import events_text  # noqa: PLC0415 - as above

    show(ask(EventsRequest(), EventsReport), events_text, as_json=as_json)
