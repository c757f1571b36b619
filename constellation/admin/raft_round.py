"""Requests about Raft, for several askers at once: its status, the leases, and orders.

Everything goes to the Raft actor of this node, which passes on what only the leader can do.  The
status of Raft is asked of the leader too, because only the leader knows its followers.  An order
is passed on once this node's Raft actor has reported which nodes it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from constellation.admin import raft_refusals as refusals
from constellation.admin.round import ASKERS_MAX, Answer, Ask, Completed, Round, TooMany, Unexpected
from constellation.admin.round import Effect as RoundEffect
from messages.raft_member import LeasesReadDone, RaftOrder, RaftOrderDone, RaftStatus

STATUS_TIMEOUT_S = 1.5
LEASES_TIMEOUT_S = 3.0
ORDER_TIMEOUT_S = 5.0  # since it was passed on


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Effect: ask the Raft actor of `node` for its status."""

    node: str


@dataclass(frozen=True, slots=True)
class ReadLeases:
    """Effect: ask this node's Raft actor for the leases."""

    number: int


@dataclass(frozen=True, slots=True)
class PassOrder:
    """Effect: give `order` to this node's Raft actor."""

    order: RaftOrder


@dataclass(frozen=True, slots=True)
class AnswerStatus:
    """Effect: answer `asker` with the status of Raft.  `statuses` always holds this node's."""

    asker: str
    statuses: Mapping[str, RaftStatus]
    unanswered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerLeases:
    """Effect: answer `asker` with the leases."""

    asker: str
    read: LeasesReadDone


Effect = AskStatus | ReadLeases | PassOrder | AnswerStatus | AnswerLeases | Answer | Unexpected


@dataclass(frozen=True, slots=True)
class _Order:
    """An order that waits for this node's status; `nodes` are those that gossip knows."""

    order: RaftOrder
    nodes: tuple[str, ...]


_Purpose = _Order | None  # of asking for the status; None: the status itself


class RaftRound:
    """The requests under way.  Askers and nodes are named by text; `now_s` is monotonic seconds."""

    def __init__(self, own_node: str) -> None:
        self._own = own_node
        self._statuses = Round[str, _Purpose, RaftStatus](
            timeout_s=STATUS_TIMEOUT_S,
            ask_again_s=STATUS_TIMEOUT_S,
            follow_up=self._leader_to_ask,
        )
        self._reads = Round[int, None, LeasesReadDone](timeout_s=LEASES_TIMEOUT_S)
        self._orders = Round[int, RaftOrder, RaftOrderDone](timeout_s=ORDER_TIMEOUT_S)
        self._number = 0

    def _leader_to_ask(self, purpose: _Purpose, status: RaftStatus) -> Iterable[str]:
        is_other = status.node == self._own and status.leader not in {"", self._own}
        return [status.leader] if purpose is None and is_other else []

    # Requests of operators.

    def asked(self, asker: str, now_s: float) -> list[Effect]:
        """`asker` asks for the status of Raft."""
        if self._is_full():
            return [_too_many(asker)]
        return self._of_statuses(self._statuses.begin(asker, None, [self._own], now_s), now_s)

    def leases_asked(self, asker: str, now_s: float) -> list[Effect]:
        """`asker` asks for the holders of the leases."""
        if self._is_full():
            return [_too_many(asker)]
        self._number += 1
        return self._of_reads(self._reads.begin(asker, None, [self._number], now_s))

    def ordered(
        self, asker: str, order: RaftOrder, nodes: Iterable[str], now_s: float
    ) -> list[Effect]:
        """`asker` orders a change of leader or members; `nodes` are those that gossip knows."""
        if self._is_full():
            return [_too_many(asker)]
        self._number += 1
        numbered = order.model_copy(update={"number": self._number})
        purpose = _Order(numbered, tuple(sorted(nodes)))
        return self._of_statuses(self._statuses.begin(asker, purpose, [self._own], now_s), now_s)

    def _is_full(self) -> bool:
        rounds = (self._statuses, self._reads, self._orders)
        return sum(one.waiting_count for one in rounds) >= ASKERS_MAX

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
        statuses = self._statuses.ask_anew(self._own, now_s)
        return [*self._of_reads(reads), *self._of_statuses(statuses, now_s)]

    def status_received(self, status: RaftStatus, now_s: float) -> list[Effect]:
        """A Raft actor reported its status."""
        return self._of_statuses(self._statuses.answered(status.node, status, now_s), now_s)

    def unreachable(self, node: str, now_s: float) -> list[Effect]:
        """The Raft actor of `node` could not be asked."""
        return self._of_statuses(self._statuses.unreachable(node, now_s), now_s)

    def leases_received(self, read: LeasesReadDone, now_s: float) -> list[Effect]:
        """The leases were read."""
        return self._of_reads(self._reads.answered(read.number, read, now_s))

    def order_done(self, done: RaftOrderDone, now_s: float) -> list[Effect]:
        """An order was carried out, or was refused."""
        return self._of_orders(self._orders.answered(done.number, done, now_s))

    def tick(self, now_s: float) -> list[Effect]:
        """Answer the askers that have waited long enough."""
        return [
            *self._of_statuses(self._statuses.tick(now_s), now_s),
            *self._of_orders(self._orders.tick(now_s)),
            *self._of_reads(self._reads.tick(now_s)),
        ]

    # What follows.

    def _of_statuses(
        self, effects: Iterable[RoundEffect[str, _Purpose, RaftStatus]], now_s: float
    ) -> list[Effect]:
        return [one for effect in effects for one in self._of_status(effect, now_s)]

    def _of_status(
        self, effect: RoundEffect[str, _Purpose, RaftStatus], now_s: float
    ) -> Iterator[Effect]:
        match effect:
            case Ask(nodes):
                yield from (AskStatus(node) for node in nodes)
            case Completed(asker, purpose, statuses, unanswered):
                if purpose is not None:
                    yield from self._pass_on(asker, purpose, statuses.get(self._own), now_s)
                elif self._own in statuses:
                    yield AnswerStatus(asker, statuses, unanswered)
                else:
                    yield Answer(asker, refusals.silent("the status of Raft", STATUS_TIMEOUT_S))
            case TooMany(asker):
                yield _too_many(asker)
            case Unexpected():
                yield effect

    def _pass_on(
        self, asker: str, purpose: _Order, status: RaftStatus | None, now_s: float
    ) -> list[Effect]:
        order = purpose.order
        if status is None:
            return [Answer(asker, refusals.not_passed_on(order, STATUS_TIMEOUT_S))]
        refusal = refusals.refuse_order(order, status, purpose.nodes)
        if refusal:
            return [Answer(asker, refusal)]
        return self._of_orders(self._orders.begin(asker, order, [order.number], now_s))

    def _of_reads(self, effects: Iterable[RoundEffect[int, None, LeasesReadDone]]) -> list[Effect]:
        return [one for effect in effects for one in self._of_read(effect)]

    def _of_read(self, effect: RoundEffect[int, None, LeasesReadDone]) -> Iterator[Effect]:
        match effect:
            case Ask(numbers):
                yield from (ReadLeases(number) for number in numbers)
            case Completed(asker, _, reads) if reads:
                yield from (AnswerLeases(asker, read) for read in reads.values())
            case Completed(asker):
                yield Answer(asker, refusals.silent("who holds the leases", LEASES_TIMEOUT_S))
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
