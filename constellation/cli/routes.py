"""`constellation explain` and `rejected`: where requests go, and what is left out."""

from __future__ import annotations

from constellation.admin.subject import subject_of
from constellation.cli.session import ask, show, unanswered
from messages.routes import (
    SUBJECT_CHARACTERS_MAX,
    ExplainReport,
    ExplainRequest,
    RejectedReport,
    RejectedRequest,
)


def explain(subject: str, *, as_json: bool = False) -> None:
    """Show how requests for a host name or a service are routed on this node, or why not."""
    from constellation.admin.route_tables import explain_text  # noqa: PLC0415 - rich loads slowly

    name = subject_of(subject)
    if not name:
        raise unanswered("which name? e.g. constellation explain shop.home.example")
    if len(name) > SUBJECT_CHARACTERS_MAX:
        raise unanswered(f"a name cannot have {len(name)} characters")
    show(ask(ExplainRequest(subject=name), ExplainReport), explain_text, as_json=as_json)


def rejected(*, as_json: bool = False) -> None:
    """List the labels and services left out of the routes, why, and how to fix them."""
    from constellation.admin.route_tables import rejected_text  # noqa: PLC0415 - as above

    show(ask(RejectedRequest(), RejectedReport), rejected_text, as_json=as_json)
