"""Asking Raft how it is, who holds which lease, and giving it orders, for several people at once.

All goes to the Raft actor of this node, which passes on what is the leader's; only how it is does
the leader say itself, so it is asked, too.  Who did not answer in time is left out.  A node has at
most one unanswered question of ours about how it is: askers share it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from constellation.admin import raft_refusals as refusals
from messages.admin import RequestRefused
from messages.raft_member import LeasesReadDone, RaftOrder, RaftOrderDone, RaftStatus

STATUS_TIMEOUT_S = 1.5
LEASES_TIMEOUT_S = 3.0
ORDER_TIMEOUT_S = 5.0
ASKERS_MAX = 64


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Effect: ask the Raft actor of `node` how it is."""

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
class TellStatus:
    """Effect: tell `asker` how Raft is; this node is always among `statuses`."""

    asker: str
    statuses: Mapping[str, RaftStatus]
    unanswered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TellLeases:
    """Effect: tell `asker` who holds what."""

    asker: str
    read: LeasesReadDone


@dataclass(frozen=True, slots=True)
class Tell:
    """Effect: answer `asker` with what became of its order, or why it gets no other answer."""

    asker: str
    answer: RaftOrderDone | RequestRefused


@dataclass(frozen=True, slots=True)
class Unexpected:
    """Effect: count an answer that nobody owed."""


Effect = AskStatus | ReadLeases | PassOrder | TellStatus | TellLeases | Tell | Unexpected


@dataclass(slots=True)
class _Viewer:
    """Who wants to know how Raft is, and what there is so far."""

    asker: str
    due_at_s: float
    awaited: set[str]
    statuses: dict[str, RaftStatus] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Orderer:
    """Who gives an order; it is passed on once this node's Raft said whom it knows."""

    asker: str
    status_due_at_s: float
    due_at_s: float
    order: RaftOrder
    nodes: tuple[str, ...]  # that gossip knows
    is_passed_on: bool = False


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who wants the leases."""

    asker: str
    due_at_s: float


class RaftRound:
    """Who waits for what.  Askers and nodes are named by text; `now_s` is monotonic seconds."""

    def __init__(self, own_node: str) -> None:
        self._own = own_node
        self._viewers: list[_Viewer] = []
        self._orderers: list[_Orderer] = []
        self._readers: dict[int, _Reader] = {}  # by the number of the question
        self._asked_at_s: dict[str, float] = {}  # who owes a status
        self._number = 0

    # What people ask for.

    def asked(self, asker: str, now_s: float) -> list[Effect]:
        """`asker` wants to know how Raft is."""
        if self._is_full():
            return [Tell(asker, refusals.too_many(ASKERS_MAX))]
        self._viewers.append(_Viewer(asker, now_s + STATUS_TIMEOUT_S, {self._own}))
        return self._ask(self._own, now_s)

    def leases_asked(self, asker: str, now_s: float) -> list[Effect]:
        """`asker` wants to know who holds which lease."""
        if self._is_full():
            return [Tell(asker, refusals.too_many(ASKERS_MAX))]
        self._number += 1
        self._readers[self._number] = _Reader(asker, now_s + LEASES_TIMEOUT_S)
        return [ReadLeases(self._number)]

    def ordered(
        self, asker: str, order: RaftOrder, nodes: Iterable[str], now_s: float
    ) -> list[Effect]:
        """`asker` wants a change of leader or members; `nodes` are those that gossip knows."""
        if self._is_full():
            return [Tell(asker, refusals.too_many(ASKERS_MAX))]
        self._number += 1
        numbered = order.model_copy(update={"number": self._number})
        status_due_at_s, due_at_s = now_s + STATUS_TIMEOUT_S, now_s + ORDER_TIMEOUT_S
        self._orderers.append(
            _Orderer(asker, status_due_at_s, due_at_s, numbered, tuple(sorted(nodes)))
        )
        return self._ask(self._own, now_s)

    def _is_full(self) -> bool:
        return len(self._viewers) + len(self._orderers) + len(self._readers) >= ASKERS_MAX

    def _ask(self, node: str, now_s: float) -> list[Effect]:
        asked_at_s = self._asked_at_s.get(node)
        if asked_at_s is not None and now_s < asked_at_s + STATUS_TIMEOUT_S:
            return []  # its answer is for all who wait
        self._asked_at_s[node] = now_s
        return [AskStatus(node)]

    # What Raft actors answer.

    def restarted(self, now_s: float) -> list[Effect]:
        """This node's Raft actor is another now: it owes nothing, so it is asked anew."""
        self._asked_at_s.pop(self._own, None)
        effects: list[Effect] = [ReadLeases(number) for number in self._readers]
        if any(self._own in one.awaited for one in self._viewers) or any(
            not one.is_passed_on for one in self._orderers
        ):
            effects += self._ask(self._own, now_s)
        return effects

    def status_heard(
        self, status: RaftStatus, reachable: Container[str], now_s: float
    ) -> list[Effect]:
        """A Raft actor said how it is; `reachable` are the other nodes that can be asked."""
        if self._asked_at_s.pop(status.node, None) is None:
            return [Unexpected()]
        effects: list[Effect] = []
        for viewer in self._viewers:
            if status.node in viewer.awaited:
                viewer.awaited.discard(status.node)
                viewer.statuses[status.node] = status
                effects += self._ask_leader(viewer, status, reachable, now_s)
        if status.node == self._own:
            effects += self._pass_orders(status)
        return [*effects, *self.tick(now_s)]

    def _ask_leader(
        self, viewer: _Viewer, status: RaftStatus, reachable: Container[str], now_s: float
    ) -> list[Effect]:
        if status.node != self._own or status.leader in {"", self._own}:
            return []
        if status.leader not in reachable:
            viewer.unanswered.add(status.leader)
            return []
        viewer.awaited.add(status.leader)
        return self._ask(status.leader, now_s)

    def _pass_orders(self, status: RaftStatus) -> Iterator[Effect]:
        waiting = [one for one in self._orderers if not one.is_passed_on]
        for one in waiting:
            refusal = refusals.refuse_order(one.order, status, one.nodes)
            if refusal:
                self._orderers.remove(one)
                yield Tell(one.asker, refusal)
            else:
                one.is_passed_on = True
                yield PassOrder(one.order)

    def leases_heard(self, read: LeasesReadDone) -> list[Effect]:
        """The leases were read."""
        reader = self._readers.pop(read.number, None)
        return [Unexpected()] if reader is None else [TellLeases(reader.asker, read)]

    def order_heard(self, done: RaftOrderDone) -> list[Effect]:
        """An order was carried out, or will not be."""
        for one in self._orderers:
            if one.is_passed_on and one.order.number == done.number:
                self._orderers.remove(one)
                return [Tell(one.asker, done)]
        return [Unexpected()]

    # Time.

    def tick(self, now_s: float) -> list[Effect]:
        """Answer those who have all, or have waited long enough."""
        return [*self._end_viewers(now_s), *self._end_orderers(now_s), *self._end_readers(now_s)]

    def _end_viewers(self, now_s: float) -> Iterator[Effect]:
        ended = [one for one in self._viewers if not one.awaited or now_s >= one.due_at_s]
        self._viewers = [one for one in self._viewers if one.awaited and now_s < one.due_at_s]
        for one in ended:
            if self._own in one.statuses:
                unanswered = tuple(sorted({*one.unanswered, *one.awaited}))
                yield TellStatus(one.asker, one.statuses, unanswered)
            else:
                yield Tell(one.asker, refusals.silent("how Raft is", STATUS_TIMEOUT_S))

    def _end_orderers(self, now_s: float) -> Iterator[Effect]:
        for one in [*self._orderers]:
            if one.is_passed_on and now_s >= one.due_at_s:
                self._orderers.remove(one)
                yield Tell(one.asker, refusals.unknown_outcome(one.order, ORDER_TIMEOUT_S))
            elif not one.is_passed_on and now_s >= one.status_due_at_s:
                self._orderers.remove(one)
                yield Tell(one.asker, refusals.not_passed_on(one.order, STATUS_TIMEOUT_S))

    def _end_readers(self, now_s: float) -> Iterator[Effect]:
        for number, one in list(self._readers.items()):
            if now_s >= one.due_at_s:
                del self._readers[number]
                yield Tell(one.asker, refusals.silent("who holds the leases", LEASES_TIMEOUT_S))
