"""Why a request about Raft or an order to it is refused."""

from __future__ import annotations

from collections.abc import Iterable

from constellation.admin.words import listed
from messages.operator import RequestRefused
from messages.raft_member import RaftOrder, RaftStatus

_SEE_STATUS = "retry in a second; `constellation status` shows the state of the actors"

NOT_RUNNING = RequestRefused(
    what="this node cannot answer about Raft now",
    why="its Raft actor is not running",
    fix=_SEE_STATUS,
)


def too_many(limit: int) -> RequestRefused:
    """Refuse one more request."""
    return RequestRefused(
        what="this node takes no more requests about Raft now",
        why=f"{limit} of them wait for an answer",
        fix="retry in some seconds",
    )


def silent(subject: str) -> RequestRefused:
    """This node's Raft actor did not report `subject`."""
    return RequestRefused(
        what=f"this node does not know {subject}",
        why="its Raft actor did not answer in time",
        fix=_SEE_STATUS,
    )


def not_passed_on(order: RaftOrder) -> RequestRefused:
    """Nothing was done about `order`."""
    return RequestRefused(
        what=cannot(order),
        why="the Raft actor of this node did not answer in time",
        fix=f"repeat the order: {_SEE_STATUS}",
    )


def unknown_outcome(order: RaftOrder, timeout_s: float) -> RequestRefused:
    """It is not known whether `order` was done, or still may be."""
    return RequestRefused(
        what=f"it is not known whether the order took effect: {order_text(order)}",
        why=f"Raft did not confirm it within {timeout_s:g} s",
        fix="check `constellation raft` before you repeat the order",
    )


def refuse_order(
    order: RaftOrder, status: RaftStatus, nodes: Iterable[str]
) -> RequestRefused | None:
    """Return why `order` is not passed on; None: it is, and the leader may still refuse it.

    `status` is this node's, `nodes` are those that gossip knows.  This node may not know the
    latest members, so only what is wrong on every node is refused here.
    """
    if status.condition != "member":
        word = "belongs to no Raft cluster yet" if status.condition == "waiting" else "refuses Raft"
        return RequestRefused(
            what=cannot(order),
            why=f"{status.node} {word}" + (f": {status.why}" if status.why else ""),
            fix=status.fix or "see `constellation raft`",
        )
    members = {*status.voters, *status.learners}
    if order.node in {*members, *status.removed, *nodes}:
        return None
    names = {*nodes, *members} if order.action == "add" else members
    return RequestRefused(
        what=cannot(order),
        why=f"no node named {order.node}",
        fix=f"the nodes are: {listed(names)}" if names else "see the agent's log",
    )


def cannot(order: RaftOrder) -> str:
    """Return that the order is not carried out."""
    return f"cannot {order_text(order)}"


def order_text(order: RaftOrder) -> str:
    """Return the order as a verb and its object."""
    verb = "transfer leadership to" if order.action == "transfer" else order.action
    return f"{verb} {order.node}"
