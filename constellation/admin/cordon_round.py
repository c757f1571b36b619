"""Orders to cordon and uncordon nodes, for several operators at once.

Each order is carried out by the node it names.  It is passed on once: repeating an order is safe,
so an operator who gets no answer in time is told to repeat it.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.admin.cordon import cordon_report
from constellation.admin.round import Answer, Ask, Completed, Round, TooMany, Unexpected
from constellation.admin.round import Effect as RoundEffect
from constellation.admin.words import listed
from constellation.cluster_view import ClusterView
from constellation.peers import find_peers
from constellation.value import Value
from messages.admin import (
    CordonChange,
    CordonChanged,
    CordonOrder,
    CordonReport,
)
from messages.operator import RequestRefused

TIMEOUT_S = 2.0

_Key = tuple[int, str]  # the number of an order, and the node it is for


class PassOn(Value):
    """Effect: send `change` to the admin actor of its node."""

    change: CordonChange


Effect = PassOn | Answer | Unexpected


class CordonRound:
    """The orders under way.  Askers and nodes are named by text; `now_s` is monotonic seconds."""

    def __init__(self, own_node: str) -> None:
        self._own = own_node
        self._round = Round[_Key, CordonChange, CordonChanged](timeout_s=TIMEOUT_S)
        self._number = 0

    def ordered(
        self, asker: str, order: CordonOrder, view: ClusterView, now_s: float
    ) -> list[Effect]:
        """`asker` orders that a node of `view` be cordoned or uncordoned."""
        refusal = self._refuse(order, view)
        if refusal:
            return [Answer(asker, refusal)]
        self._number += 1
        change = CordonChange(
            number=self._number, node=order.node, cordoned=order.cordoned, reason=order.reason
        )
        key = (change.number, change.node)
        return self._effects(self._round.begin(asker, change, [key], now_s), view)

    def _refuse(self, order: CordonOrder, view: ClusterView) -> RequestRefused | None:
        member = view.members.get(order.node)
        if order.node == self._own:
            return None
        if member is None:
            return _refusal(order, f"no node named {order.node}", _known(view))
        if member.state == "dead":
            fix = "dead nodes get no requests; repeat the order once its agent runs"
            return _refusal(order, "it is dead and answers nobody", fix)
        if member.state == "left":
            fix = "repeat the order once its agent runs"
            return _refusal(order, "it has left the cluster", fix)
        if order.node not in find_peers(view).addresses:
            return _refusal(order, "the address of its agent is not known yet", "retry in a second")
        return None

    def changed(self, changed: CordonChanged, view: ClusterView, now_s: float) -> list[Effect]:
        """A node has carried out an order, or reports why it did not."""
        key = (changed.number, changed.node)
        return self._effects(self._round.answered(key, changed, now_s), view)

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        return self._round.next_due_s

    def tick(self, view: ClusterView, now_s: float) -> list[Effect]:
        """Answer operators whose order was not answered in time."""
        return self._effects(self._round.tick(now_s), view)

    def _effects(
        self, effects: Iterable[RoundEffect[_Key, CordonChange, CordonChanged]], view: ClusterView
    ) -> list[Effect]:
        return [self._effect(effect, view) for effect in effects]

    def _effect(
        self, effect: RoundEffect[_Key, CordonChange, CordonChanged], view: ClusterView
    ) -> Effect:
        match effect:
            case Ask(_, change):
                return PassOn(change)
            case Completed(asker, change, replies):
                return Answer(asker, _outcome(change, [*replies.values()], view))
            case TooMany(asker, limit):
                return Answer(asker, _too_many(limit))
            case Unexpected():
                return effect


def _outcome(
    change: CordonChange, replies: list[CordonChanged], view: ClusterView
) -> CordonReport | RequestRefused:
    if not replies:
        return _silent(change)
    (changed,) = replies
    if changed.why:
        return _refusal(change, changed.why, changed.fix)
    return cordon_report(view, changed)


def _refusal(order: CordonOrder | CordonChange, why: str, fix: str) -> RequestRefused:
    return RequestRefused(what=f"cannot {_verb(order)} {order.node}", why=why, fix=fix)


def _silent(change: CordonChange) -> RequestRefused:
    return RequestRefused(
        what=f"it is not known whether the order took effect: {_verb(change)} {change.node}",
        why=f"its agent did not answer within {TIMEOUT_S:g} s",
        fix="repeat the order, which is safe; an agent that never answers may be of a version "
        "without cordons",
    )


def _too_many(limit: int) -> RequestRefused:
    return RequestRefused(
        what="this node takes no more orders now",
        why=f"{limit} orders to cordon nodes are under way",
        fix="retry in some seconds",
    )


def _verb(order: CordonOrder | CordonChange) -> str:
    return "cordon" if order.cordoned else "uncordon"


def _known(view: ClusterView) -> str:
    return f"the nodes are: {listed(view.members)}"
