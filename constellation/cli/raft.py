"""`constellation raft`, `leases` and `transfer`: who leads, who holds what, and who is a member."""

from __future__ import annotations

from typing import Annotated

import typer

from constellation.admin.words import plain
from constellation.cli.session import AsJson, ask, show, unanswered, write
from messages.raft_member import OrderAction, RaftOrder, RaftOrderDone
from messages.raft_reports import LeasesReport, LeasesRequest, RaftReport, RaftRequest

NODE_CHARACTERS_MAX = 128
ORDER_ANSWER_TIMEOUT_S = 8.0  # the agent itself waits 5 s for the leader

raft = typer.Typer(
    help="Show the Raft cluster, or change its members.",
    add_completion=False,
    rich_markup_mode=None,
)
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="A node's name.")]


@raft.callback(invoke_without_command=True)
def show_raft(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the Raft cluster: who leads, and how far each member is; or change its members."""
    if context.invoked_subcommand is None:
        from constellation.admin.raft_tables import raft_text  # noqa: PLC0415 - rich takes its time

        show(ask(RaftRequest(), RaftReport), raft_text, as_json=as_json)


def leases(*, as_json: AsJson = False) -> None:
    """List who holds which lease, and with which fencing token."""
    from constellation.admin.raft_tables import leases_text  # noqa: PLC0415 - as above

    show(ask(LeasesRequest(), LeasesReport), leases_text, as_json=as_json)


def transfer(node: NodeName, *, as_json: AsJson = False) -> None:
    """Hand the leadership over to another voter."""
    _order("transfer", node, as_json=as_json)


@raft.command(short_help="Make a node a member, also one that was removed.")
def add(node: NodeName, *, as_json: AsJson = False) -> None:
    """Make a node a member, also one that was removed: it learns first, and votes later."""
    _order("add", node, as_json=as_json)


@raft.command(short_help="Take a node out; it stays out until it is added.")
def remove(node: NodeName, *, as_json: AsJson = False) -> None:
    """Take a node out: it neither votes nor learns, and stays out until it is added."""
    stays_out = (
        f"{node} stays out, whenever its agent starts, until `constellation raft add {node}`"
    )
    _order("remove", node, as_json=as_json, what_follows=stays_out)


@raft.command()
def promote(node: NodeName, *, as_json: AsJson = False) -> None:
    """Make a learner a voter."""
    _order("promote", node, as_json=as_json)


@raft.command(short_help="Make a voter a learner.")
def demote(node: NodeName, *, as_json: AsJson = False) -> None:
    """Make a voter a learner: it has everything, and does not count for the quorum."""
    _order("demote", node, as_json=as_json)


def _order(action: OrderAction, node: str, *, as_json: bool, what_follows: str = "") -> None:
    """Give an order; end with one line that says why it was not carried out, if so."""
    if not 0 < len(node) <= NODE_CHARACTERS_MAX:
        raise unanswered(f"{action} was not done: no node has a name of {len(node)} characters")
    order = RaftOrder(action=action, node=node)
    done = ask(order, RaftOrderDone, timeout_s=ORDER_ANSWER_TIMEOUT_S)
    if not done.is_done:
        raise unanswered(f"{action} of {node} was not done: {done.text}")
    if as_json:
        from constellation.admin.documents import document  # noqa: PLC0415 - it takes its time

        write(document(done))
    else:
        write("".join(f"{plain(line)}\n" for line in (done.text, what_follows) if line))
