"""What others asked of this member and wait for: proposals, reads, orders.  Each is answered once.

`asker` is whatever the shell needs to send an answer.  What waits is limited: the oldest is
answered with a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from constellation.raft.configuration import ChangeKind
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


@dataclass(frozen=True, slots=True)
class Reply:
    """Effect: answer who asked."""

    asker: str
    message: Message


@dataclass(frozen=True, slots=True)
class _Proposal:
    asker: str
    number: int
    term: int


class Proposals:
    """Commands that were put into the log here, and are not committed yet."""

    def __init__(self) -> None:
        self._by_index: dict[int, _Proposal] = {}

    def add_proposal(self, index: int, term: int, asker: str, number: int) -> list[Reply]:
        """Remember who asked for the entry at `index`."""
        self._by_index[index] = _Proposal(asker, number, term)
        if len(self._by_index) <= ASKED_MAX:
            return []
        oldest = self._by_index.pop(next(iter(self._by_index)))
        return [_refusal(oldest, "", "too many wait")]

    def applied(self, entries: Sequence[RaftEntry]) -> list[Reply]:
        """Answer for what was applied: by this term's entry, or by another's in its place."""
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
                replies.append(_refusal(proposal, "", "another leader's entry took its place"))
        return replies

    def give_up(self, leader: str) -> list[Reply]:
        """Answer all: this node leads no more, and cannot tell what becomes of them."""
        proposals, self._by_index = self._by_index, {}
        why = "leadership was lost before it was committed; it may be yet"
        return [_refusal(proposal, leader, why) for proposal in proposals.values()]


def _refusal(proposal: _Proposal, leader: str, why: str) -> Reply:
    refusal = RaftRefused(number=proposal.number, leader=leader, why=why)
    return Reply(proposal.asker, refusal)


@dataclass(slots=True)
class _Order:
    order: RaftOrder
    asker: str
    due_s: float
    index: int = 0  # of the entry that does it
    term: int = 0


class Orders:
    """Orders of operators that are under way."""

    def __init__(self) -> None:
        self._open: dict[int, _Order] = {}
        self._last = 0

    def add_order(
        self, order: RaftOrder, asker: str, now_s: float, *, index: int = 0, term: int = 0
    ) -> int:
        """Remember who gave the order; return the number by which it is known here."""
        self._last += 1
        self._open[self._last] = _Order(order, asker, now_s + ORDER_TIMEOUT_S, index, term)
        return self._last

    def done(self, number: int, *, is_done: bool, text: str) -> list[Reply]:
        """Answer one."""
        known = self._open.pop(number, None)
        return [] if known is None else [answer_to(known.order, known.asker, text, is_done=is_done)]

    def committed(self, entries: Sequence[RaftEntry]) -> list[Reply]:
        """Answer those whose entry is committed, or another's in its place."""
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
        """Answer those whose entry is in the log: this node leads no more, and cannot tell."""
        text = "leadership was lost meanwhile; it may be done yet: see `constellation raft`"
        replies: list[Reply] = []
        for number, one in list(self._open.items()):
            if one.index:
                replies += self.done(number, is_done=False, text=text)
        return replies

    def leads(self, leader: str) -> list[Reply]:
        """Answer those that wanted this leader."""
        replies: list[Reply] = []
        for number, one in list(self._open.items()):
            if one.order.action == "transfer" and one.order.node == leader:
                replies += self.done(number, is_done=True, text=f"{leader} leads now")
        return replies

    def tick(self, now_s: float) -> list[Reply]:
        """Answer those that take too long."""
        replies: list[Reply] = []
        for number, one in list(self._open.items()):
            if now_s >= one.due_s:
                text = f"not done within {ORDER_TIMEOUT_S:g} s; see `constellation raft`"
                replies += self.done(number, is_done=False, text=text)
        return replies


def answer_to(order: RaftOrder, asker: str, text: str, *, is_done: bool) -> Reply:
    """Return the answer to an order, with the number that its asker gave it."""
    return Reply(asker, RaftOrderDone(number=order.number, is_done=is_done, text=text))


_TEXTS = {
    "add": lambda order: f"{order.node} is a member, and votes when it can be used for that",
    "remove": lambda order: (
        f"{order.node} is no member any more; it stays out until `constellation raft add "
        f"{order.node}`"
    ),
    "promote": lambda order: f"{order.node} votes now",
    "demote": lambda order: (
        f"{order.node} votes no more, until `constellation raft promote {order.node}`; it still "
        "gets the log"
    ),
    "transfer": lambda order: f"{order.node} leads now",
}
