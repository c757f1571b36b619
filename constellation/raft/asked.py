"""Proposals and orders that wait for an answer.  Each is answered exactly once.

`asker` is what the shell needs to send an answer.  Beyond a limit the oldest proposal is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from constellation.raft.configuration import ChangeKind, Configuration
from constellation.value import Value
from messages.base import Message
from messages.raft import RaftEntry
from messages.raft_member import RaftCommitted, RaftOrder, RaftOrderDone, RaftRefused

ASKED_MAX = 4096
ORDER_TIMEOUT_S = 5.0
CHANGES: dict[str, ChangeKind] = {
    "add": "add_learner",
    "remove": "remove",
    "promote": "promote",
    "demote": "demote",
}


class Reply(Value):
    """Effect: send an answer to the asker."""

    asker: str
    message: Message


class _Proposal(Value):
    asker: str
    number: int
    term: int


class Proposals:
    """Commands that this leader has appended to the log and that are not committed yet."""

    def __init__(self) -> None:
        self._by_index: dict[int, _Proposal] = {}

    def add_proposal(self, index: int, term: int, asker: str, number: int) -> list[Reply]:
        """Remember who asked for the entry at `index`."""
        self._by_index[index] = _Proposal(asker, number, term)
        if len(self._by_index) <= ASKED_MAX:
            return []
        oldest = self._by_index.pop(next(iter(self._by_index)))
        return [_refusal(oldest, "", "too many proposals wait")]

    def applied(self, entries: Sequence[RaftEntry]) -> list[Reply]:
        """Answer the proposals of applied entries; refuse one whose entry was replaced."""
        replies: list[Reply] = []
        if not self._by_index:
            return replies
        for entry in entries:
            proposal = self._by_index.pop(entry.index, None)
            if proposal is None:
                continue
            if proposal.term == entry.term:
                done = RaftCommitted(number=proposal.number, index=entry.index)
                replies.append(Reply(proposal.asker, done))
            else:
                replies.append(_refusal(proposal, "", "an entry of another leader replaced it"))
        return replies

    def give_up(self, leader: str) -> list[Reply]:
        """Refuse all: this node no longer leads, so it cannot know whether they are committed."""
        proposals, self._by_index = self._by_index, {}
        why = "leadership was lost before it was committed; it may still be committed"
        return [_refusal(proposal, leader, why) for proposal in proposals.values()]


def _refusal(proposal: _Proposal, leader: str, why: str) -> Reply:
    refusal = RaftRefused(number=proposal.number, leader=leader, why=why)
    return Reply(proposal.asker, refusal)


@dataclass(slots=True)
class _Order:
    order: RaftOrder
    asker: str
    due_s: float
    index: int = 0  # of the entry that carries it out
    term: int = 0


class Orders:
    """Orders of operators that are in progress."""

    def __init__(self) -> None:
        self._open: dict[int, _Order] = {}
        self._last = 0

    def add_order(
        self, order: RaftOrder, asker: str, now_s: float, *, index: int = 0, term: int = 0
    ) -> int:
        """Remember the asker of an order; return the number that identifies it here."""
        self._last += 1
        self._open[self._last] = _Order(order, asker, now_s + ORDER_TIMEOUT_S, index, term)
        return self._last

    def done(self, number: int, *, is_done: bool, text: str) -> list[Reply]:
        """Answer one order."""
        known = self._open.pop(number, None)
        return [] if known is None else [answer_to(known.order, known.asker, text, is_done=is_done)]

    def committed(self, entries: Sequence[RaftEntry]) -> list[Reply]:
        """Answer the orders whose entry is committed, or was replaced by another one."""
        replies: list[Reply] = []
        terms = {entry.index: entry.term for entry in entries} if self._open else {}
        for number, one in list(self._open.items()):
            if one.index not in terms:
                continue
            is_done = terms[one.index] == one.term
            text = _TEXTS[one.order.action](one.order) if is_done else "another leader was elected"
            replies += self.done(number, is_done=is_done, text=text)
        return replies

    def give_up(self) -> list[Reply]:
        """Answer the orders whose entry is not committed: this node no longer leads."""
        text = "leadership was lost meanwhile; it may still be done: see `constellation raft`"
        replies: list[Reply] = []
        for number, one in list(self._open.items()):
            if one.index:
                replies += self.done(number, is_done=False, text=text)
        return replies

    def leads(self, leader: str) -> list[Reply]:
        """Answer the orders that asked for this leader."""
        replies: list[Reply] = []
        for number, one in list(self._open.items()):
            if one.order.action == "transfer" and one.order.node == leader:
                replies += self.done(number, is_done=True, text=f"{leader} is now the leader")
        return replies

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        return min((one.due_s for one in self._open.values()), default=math.inf)

    def tick(self, now_s: float) -> list[Reply]:
        """Answer the orders that have timed out."""
        replies: list[Reply] = []
        for number, one in list(self._open.items()):
            if now_s >= one.due_s:
                text = f"not done within {ORDER_TIMEOUT_S:g} s; see `constellation raft`"
                replies += self.done(number, is_done=False, text=text)
        return replies


def answer_to(order: RaftOrder, asker: str, text: str, *, is_done: bool) -> Reply:
    """Return the answer to an order, with the number that its asker chose."""
    return Reply(asker, RaftOrderDone(number=order.number, is_done=is_done, text=text))


def already_done(order: RaftOrder, leader: str, configuration: Configuration) -> str:
    """Return what an order finds done already, for people; empty: there is something to do."""
    node = order.node
    found = {
        "transfer": (node == leader, "leads already"),
        "add": (node in configuration.members, "is a member already"),
        "promote": (node in configuration.voters, "votes already"),
        "demote": (node in configuration.demoted, "has no vote already"),
        "remove": (node in configuration.removed, "is removed already"),
    }
    is_done, text = found[order.action]
    return f"{node} {text}" if is_done else ""


_TEXTS = {
    "add": lambda order: f"{order.node} is now a member; it becomes a voter if one is needed",
    "remove": lambda order: f"{order.node} is no longer a member",
    "promote": lambda order: f"{order.node} is now a voter",
    "demote": lambda order: (
        f"{order.node} is now a non-voting member; `constellation raft promote {order.node}` makes "
        "it a voter again"
    ),
    "transfer": lambda order: f"{order.node} is now the leader",
}
