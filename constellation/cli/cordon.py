"""`constellation cordon` and `uncordon`: stop and resume requests to a node's services."""

from __future__ import annotations

from constellation.admin.words import plain
from constellation.cli.raft import NODE_CHARACTERS_MAX
from constellation.cli.session import ask, unanswered, write
from messages.admin import CordonOrder, CordonReport
from messages.gossip import CORDON_REASON_CHARACTERS_MAX


def cordon(node: str, *, reason: str = "", as_json: bool = False) -> None:
    """Stop requests to a node's services until the node is uncordoned."""
    words = plain(reason)
    if len(words) > CORDON_REASON_CHARACTERS_MAX:
        raise unanswered(
            f"{node} was not cordoned: the reason has {len(words)} characters; the limit is "
            f"{CORDON_REASON_CHARACTERS_MAX}"
        )
    _order(node, cordoned=True, reason=words, as_json=as_json)


def uncordon(node: str, *, as_json: bool = False) -> None:
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
