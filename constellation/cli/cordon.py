"""`constellation cordon` and `uncordon`: stop and resume requests to a node's services."""

from __future__ import annotations

from typing import Annotated

import typer

from constellation.admin.words import plain
from constellation.cli.raft import NODE_CHARACTERS_MAX, NodeName
from constellation.cli.session import AsJson, ask, unanswered, write
from messages.admin import CordonOrder, CordonReport
from messages.gossip import CORDON_REASON_CHARACTERS_MAX

Reason = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help=f"The reason, shown to others; up to {CORDON_REASON_CHARACTERS_MAX} characters.",
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(short_help="Stop requests to a node's services.")(cordon)
    app.command(short_help="Resume requests to a node's services.")(uncordon)


def cordon(node: NodeName, *, reason: Reason = "", as_json: AsJson = False) -> None:
    """Stop requests to a node's services until the node is uncordoned."""
    words = plain(reason)
    if len(words) > CORDON_REASON_CHARACTERS_MAX:
        raise unanswered(
            f"{node} was not cordoned: the reason has {len(words)} characters; the limit is "
            f"{CORDON_REASON_CHARACTERS_MAX}"
        )
    _order(node, cordoned=True, reason=words, as_json=as_json)


def uncordon(node: NodeName, *, as_json: AsJson = False) -> None:
    """Resume requests to a node's services."""
    _order(node, cordoned=False, reason="", as_json=as_json)


def _order(node: str, *, cordoned: bool, reason: str, as_json: bool) -> None:
    if not 0 < len(node) <= NODE_CHARACTERS_MAX:
        raise unanswered(f"nothing was done: a node's name cannot have {len(node)} characters")
    order = CordonOrder(node=plain(node), cordoned=cordoned, reason=reason)
    report = ask(order, CordonReport)
    if as_json:
        from constellation.admin.documents import document  # noqa: PLC0415 - loads slowly

        write(document(report))
    else:
        from constellation.admin.cordon import cordon_lines  # noqa: PLC0415 - loads slowly

        write("".join(f"{plain(line)}\n" for line in cordon_lines(report)))
