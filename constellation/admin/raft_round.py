"""Requests about Raft, for several askers at once: the leases, and orders.

Everything goes to the Raft actor of this node, which passes on what only the leader can do.  An
order is passed on once this node's Raft actor has reported which nodes it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from constellation.admin import raft_refusals as refusals
from constellation.admin.round import ASKERS_MAX, Answer, Ask, Completed, Round, TooMany, Unexpected
from constellation.admin.round import Effect as RoundEffect
from constellation.value import Value
from messages.raft_member import LeasesReadDone, RaftOrder, RaftOrderDone, RaftStatus

LEASES_TIMEOUT_S = 3.0
ORDER_TIMEOUT_S = 5.0  # since it was passed on


class ReadLeases(Value):
    """Effect: ask this node's Raft actor for the leases."""

    number: int


class PassOrder(Value):
    """Effect: give `order` to this node's Raft actor."""

    order: RaftOrder


class AnswerLeases(Value):
    """Effect: answer `asker` with the leases."""

    asker: str
    read: LeasesReadDone


Effect = ReadLeases | PassOrder | AnswerLeases | Answer | Unexpected


class RaftRound:
    """The requests under way.  Askers and nodes are named by text; `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._reads = Round[int, None, LeasesReadDone](timeout_s=LEASES_TIMEOUT_S)
        self._orders = Round[int, RaftOrder, RaftOrderDone](timeout_s=ORDER_TIMEOUT_S)
        self._number = 0

    # Requests of operators.

    def leases_asked(self, asker: str, now_s: float) -> list[Effect]:
        """`asker` asks for the holders of the leases."""
        if self._is_full():
            return [_too_many(asker)]
        self._number += 1
        return self._of_reads(self._reads.begin(asker, None, [self._number], now_s))

    def ordered(
        self,
        asker: str,
        order: RaftOrder,
        status: RaftStatus | None,
        nodes: Iterable[str],
        now_s: float,
    ) -> list[Effect]:
        """`asker` orders a change of leader or members.

        `status` is that of this node's Raft actor, if it has answered; `nodes` are those that
        gossip knows.
        """
        if self._is_full():
            return [_too_many(asker)]
        if status is None:
            return [Answer(asker, refusals.not_passed_on(order))]
        refusal = refusals.refuse_order(order, status, sorted(nodes))
        if refusal:
            return [Answer(asker, refusal)]
        self._number += 1
        numbered = order.model_copy(update={"number": self._number})
        return self._of_orders(self._orders.begin(asker, numbered, [self._number], now_s))

    def _is_full(self) -> bool:
        return self._reads.waiting_count + self._orders.waiting_count >= ASKERS_MAX

    # What Raft actors answer.

    def restarted(self, now_s: float) -> list[Effect]:
        """This node's Raft actor was restarted: ask again for what the old one owed.

        Orders are not repeated: the old one may have passed them on.
        """
        reads = [
            effect
            for number in self._reads.awaited()
            for effect in self._reads.ask_anew(number, now_s)
        ]
        return self._of_reads(reads)

    def leases_received(self, read: LeasesReadDone, now_s: float) -> list[Effect]:
        """The leases were read."""
        return self._of_reads(self._reads.answered(read.number, read, now_s))

    def order_done(self, done: RaftOrderDone, now_s: float) -> list[Effect]:
        """An order was carried out, or was refused."""
        return self._of_orders(self._orders.answered(done.number, done, now_s))

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        return min(self._orders.next_due_s, self._reads.next_due_s)

    def tick(self, now_s: float) -> list[Effect]:
        """Answer the askers that have waited long enough."""
        return [
            *self._of_orders(self._orders.tick(now_s)),
            *self._of_reads(self._reads.tick(now_s)),
        ]

    # What follows.

    def _of_reads(self, effects: Iterable[RoundEffect[int, None, LeasesReadDone]]) -> list[Effect]:
        return [one for effect in effects for one in self._of_read(effect)]

    def _of_read(self, effect: RoundEffect[int, None, LeasesReadDone]) -> Iterator[Effect]:
        match effect:
            case Ask(numbers):
                yield from (ReadLeases(number) for number in numbers)
            case Completed(asker, _, reads) if reads:
                yield from (AnswerLeases(asker, read) for read in reads.values())
            case Completed(asker):
                yield Answer(asker, refusals.silent("who holds the leases"))
            case TooMany(asker):
                yield _too_many(asker)
            case Unexpected():
                yield effect

    def _of_orders(
        self, effects: Iterable[RoundEffect[int, RaftOrder, RaftOrderDone]]
    ) -> list[Effect]:
        return [one for effect in effects for one in self._of_order(effect)]

    def _of_order(self, effect: RoundEffect[int, RaftOrder, RaftOrderDone]) -> Iterator[Effect]:
        match effect:
            case Ask(_, order):
                yield PassOrder(order)
            case Completed(asker, _, outcomes) if outcomes:
                yield from (Answer(asker, done) for done in outcomes.values())
            case Completed(asker, order):
                yield Answer(asker, refusals.unknown_outcome(order, ORDER_TIMEOUT_S))
            case TooMany(asker):
                yield _too_many(asker)
            case Unexpected():
                yield effect


def _too_many(asker: str) -> Answer:
    return Answer(asker, refusals.too_many(ASKERS_MAX))
