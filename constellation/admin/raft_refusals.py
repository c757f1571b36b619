"""Why somebody who asks about Raft, or orders something of it, gets no other answer."""

from __future__ import annotations

from collections.abc import Iterable

from messages.admin import RequestRefused
from messages.raft_member import RaftOrder, RaftStatus

NAMES_SHOWN_MAX = 12

NOT_RUNNING = RequestRefused(
    what="this node cannot say or do anything about Raft now",
    why="its Raft actor does not run",
    fix="ask again in a second; `constellation status` says how the actors are",
)


def too_many(limit: int) -> RequestRefused:
    """Refuse one more."""
    return RequestRefused(
        what="this node does not answer now",
        why=f"{limit} others wait for an answer about Raft already",
        fix="ask again in some seconds",
    )


def silent(subject: str, timeout_s: float) -> RequestRefused:
    """Say that this node's Raft actor did not say `subject`."""
    return RequestRefused(
        what=f"this node cannot say {subject}",
        why=f"its Raft actor did not answer within {timeout_s:g} s",
        fix="ask again; `constellation status` says how the actors are",
    )


def not_passed_on(order: RaftOrder, timeout_s: float) -> RequestRefused:
    """Say that nothing was done of `order`."""
    return RequestRefused(
        what=f"{_named(order)} was not done",
        why=f"the Raft actor of this node did not answer within {timeout_s:g} s",
        fix="give the order again; `constellation status` says how the actors are",
    )


def unknown_outcome(order: RaftOrder, timeout_s: float) -> RequestRefused:
    """Say that `order` may have been done, or may still be."""
    return RequestRefused(
        what=f"{_named(order)} may or may not have been done",
        why=f"Raft did not say so within {timeout_s:g} s",
        fix="look with `constellation raft` before you give the order again",
    )


def refuse_order(
    order: RaftOrder, status: RaftStatus, nodes: Iterable[str]
) -> RequestRefused | None:
    """Return why `order` is not passed on; None: it is, and the leader may still refuse.

    `status` is this node's Raft, `nodes` those that gossip knows.  Only what cannot be right
    anywhere is refused here: this node may not know the latest members.
    """
    if status.condition != "member":
        word = "is of no Raft cluster yet" if status.condition == "waiting" else "takes no part"
        return RequestRefused(
            what=f"{_named(order)} was not done",
            why=f"{status.node} {word}" + (f": {status.why}" if status.why else ""),
            fix=status.fix or "see `constellation raft`",
        )
    members = {*status.voters, *status.learners}
    if order.node in {*members, *status.removed, *nodes}:
        return None
    names = sorted({*nodes, *members} if order.action == "add" else members)
    more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
    return RequestRefused(
        what=f"{_named(order)} was not done",
        why=f"no node is called {order.node}",
        fix=f"there are: {', '.join(names[:NAMES_SHOWN_MAX])}{more}" if names else "see its log",
    )


def _named(order: RaftOrder) -> str:
    return f"{order.action} of {order.node}"
