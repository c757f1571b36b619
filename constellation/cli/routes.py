"""`constellation explain` and `rejected`: where requests go, and what was left out."""

from __future__ import annotations

from typing import Annotated

import typer

from constellation.cli.session import AsJson, ask, show, unanswered
from messages.routes import (
    SUBJECT_CHARACTERS_MAX,
    ExplainReport,
    ExplainRequest,
    RejectedReport,
    RejectedRequest,
)


def explain(
    subject: Annotated[str, typer.Argument(metavar="NAME", help="A host name, or a service.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say how requests for a host name or a service are routed on this node, and why not."""
    from constellation.admin.route_tables import explain_text  # noqa: PLC0415 - rich takes its time

    if not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX:
        raise unanswered(f"nothing has a name of {len(subject)} characters")
    show(ask(ExplainRequest(subject=subject), ExplainReport), explain_text, as_json=as_json)


def rejected(*, as_json: AsJson = False) -> None:
    """List labels and services that were left out of the routes, why, and what to do."""
    from constellation.admin.route_tables import rejected_text  # noqa: PLC0415 - as above

    show(ask(RejectedRequest(), RejectedReport), rejected_text, as_json=as_json)
