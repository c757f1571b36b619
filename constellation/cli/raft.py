"""`constellation raft`, `leases` and `transfer`: the leader, the members, and the leases."""

from __future__ import annotations

from constellation.admin.raft_refusals import cannot
from constellation.admin.words import plain
from constellation.cli.session import ask, show, unanswered, write
from messages.raft_member import OrderAction, RaftOrder, RaftOrderDone
from messages.raft_reports import LeasesReport, LeasesRequest, RaftReport, RaftRequest

NODE_CHARACTERS_MAX = 128
ORDER_ANSWER_TIMEOUT_S = 8.0  # the agent waits up to 6.5 s, for its own Raft and the leader


def show_raft(*, as_json: bool = False) -> None:
    """Show the leader of Raft and the progress of each member."""
    from constellation.admin.raft_tables import raft_text  # noqa: PLC0415 - rich loads slowly

    show(ask(RaftRequest(), RaftReport), raft_text, as_json=as_json)


def leases(*, as_json: bool = False) -> None:
    """List the leases with their holders and fencing tokens."""
    from constellation.admin.raft_tables import leases_text  # noqa: PLC0415 - as above

    show(ask(LeasesRequest(), LeasesReport), leases_text, as_json=as_json)


def transfer(node: str, *, as_json: bool = False) -> None:
    """Transfer the leadership to another voter."""
    _order("transfer", node, as_json=as_json)


def add(node: str, *, as_json: bool = False) -> None:
    """Add a node, or one that was removed: it joins as a learner and becomes a voter later."""
    _order("add", node, as_json=as_json)


def remove(node: str, *, as_json: bool = False) -> None:
    """Remove a node from the Raft cluster; it stays out until it is added again."""
    stays_out = f"{node} stays out, also after a restart, until `constellation raft add {node}`"
    _order("remove", node, as_json=as_json, what_follows=stays_out)


def promote(node: str, *, as_json: bool = False) -> None:
    """Make a learner a voter."""
    _order("promote", node, as_json=as_json)


def demote(node: str, *, as_json: bool = False) -> None:
    """Make a voter a learner: it keeps the log, and does not count for the quorum."""
    _order("demote", node, as_json=as_json)


def _order(action: OrderAction, node: str, *, as_json: bool, what_follows: str = "") -> None:
    """Give an order; if it is not carried out, end with one line that says why."""
    if not 0 < len(node) <= NODE_CHARACTERS_MAX:
        raise unanswered(f"cannot {action}: a node's name cannot have {len(node)} characters")
    order = RaftOrder(action=action, node=node)
    done = ask(order, RaftOrderDone, timeout_s=ORDER_ANSWER_TIMEOUT_S)
    if not done.is_done:
        raise unanswered(f"{cannot(order)}: {done.text}")
    if as_json:
        from constellation.admin.documents import document  # noqa: PLC0415 - loads slowly

        write(document(done))
    else:
        write("".join(f"{plain(line)}\n" for line in (done.text, what_follows) if line))
