"""`constellation cordon` and `uncordon`: keep requests away from a node, and let them in again."""

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
        help=f"Why, for the others; up to {CORDON_REASON_CHARACTERS_MAX} characters.",
    ),
]


def cordon(node: NodeName, *, reason: Reason = "", as_json: AsJson = False) -> None:
    """Keep requests away from a node's services, until it is uncordoned."""
    words = plain(reason)
    if len(words) > CORDON_REASON_CHARACTERS_MAX:
        raise unanswered(
            f"{node} was not cordoned: the reason has {len(words)} characters, "
            f"{CORDON_REASON_CHARACTERS_MAX} are the most"
        )
    _order(node, cordoned=True, reason=words, as_json=as_json)


def uncordon(node: NodeName, *, as_json: AsJson = False) -> None:
    """Let requests go to a node's services again."""
    _order(node, cordoned=False, reason="", as_json=as_json)


def _order(node: str, *, cordoned: bool, reason: str, as_json: bool) -> None:
    if not 0 < len(node) <= NODE_CHARACTERS_MAX:
        raise unanswered(f"nothing was done: no node has a name of {len(node)} characters")
    order = CordonOrder(node=plain(node), cordoned=cordoned, reason=reason)
    report = ask(order, CordonReport)
    if as_json:
        from constellation.admin.documents import document  # noqa: PLC0415 - it takes its time

        write(document(report))
    else:
        from constellation.admin.cordon import cordon_lines  # noqa: PLC0415 - it takes its time

        write("".join(f"{plain(line)}\n" for line in cordon_lines(report)))
