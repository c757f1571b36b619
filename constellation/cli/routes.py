"""`constellation explain` and `rejected`: where requests go, and what is left out."""

from __future__ import annotations

from typing import Annotated

import typer

from constellation.admin.subject import subject_of
from constellation.cli.session import AsJson, ask, show, unanswered
from messages.routes import (
    SUBJECT_CHARACTERS_MAX,
    ExplainReport,
    ExplainRequest,
    RejectedReport,
    RejectedRequest,
)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(short_help="Show how requests for a name are routed.")(explain)
    app.command(short_help="List what is left out of the routes.")(rejected)


def explain(
    subject: Annotated[
        str, typer.Argument(metavar="NAME", help="A host name or URL, or a service.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show how requests for a host name or a service are routed on this node, or why not."""
    from constellation.admin.route_tables import explain_text  # noqa: PLC0415 - rich loads slowly

    name = subject_of(subject)
    if not name:
        raise unanswered("which name? e.g. constellation explain shop.home.example")
    if len(name) > SUBJECT_CHARACTERS_MAX:
        raise unanswered(f"a name cannot have {len(name)} characters")
    show(ask(ExplainRequest(subject=name), ExplainReport), explain_text, as_json=as_json)


def rejected(*, as_json: AsJson = False) -> None:
    """List the labels and services left out of the routes, why, and how to fix them."""
    from constellation.admin.route_tables import rejected_text  # noqa: PLC0415 - as above

    show(ask(RejectedRequest(), RejectedReport), rejected_text, as_json=as_json)
