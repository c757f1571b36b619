"""Orders to cordon nodes, for several operators at once: each is the named node's to carry out.

An order is passed on once.  It may be repeated safely, so who got no answer in time is told to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from constellation.admin.cordon import cordon_report
from constellation.cluster_view import ClusterView
from constellation.peers import find_peers
from messages.admin import (
    CordonChange,
    CordonChanged,
    CordonOrder,
    CordonReport,
    RequestRefused,
)

TIMEOUT_S = 2.0
ASKERS_MAX = 64
NAMES_SHOWN_MAX = 12


@dataclass(frozen=True, slots=True)
class PassOn:
    """Effect: give `change` to the admin actor of its node."""

    change: CordonChange


@dataclass(frozen=True, slots=True)
class Tell:
    """Effect: answer `asker` with what became of its order, or why nothing did."""

    asker: str
    answer: CordonReport | RequestRefused


@dataclass(frozen=True, slots=True)
class Unexpected:
    """Effect: count an answer that nobody owed."""


Effect = PassOn | Tell | Unexpected


@dataclass(frozen=True, slots=True)
class _Orderer:
    asker: str
    due_at_s: float
    change: CordonChange


class CordonRound:
    """Who waits for what.  Askers and nodes are named by text; `now_s` is monotonic seconds."""

    def __init__(self, own_node: str) -> None:
        self._own = own_node
        self._waiting: dict[int, _Orderer] = {}  # by the number of the order
        self._number = 0

    def ordered(
        self, asker: str, order: CordonOrder, view: ClusterView, now_s: float
    ) -> list[Effect]:
        """`asker` wants a node of `view` to be cordoned, or no more."""
        if len(self._waiting) >= ASKERS_MAX:
            return [Tell(asker, _too_many())]
        refusal = self._refuse(order, view)
        if refusal:
            return [Tell(asker, refusal)]
        self._number += 1
        change = CordonChange(
            number=self._number, node=order.node, cordoned=order.cordoned, reason=order.reason
        )
        self._waiting[self._number] = _Orderer(asker, now_s + TIMEOUT_S, change)
        return [PassOn(change)]

    def _refuse(self, order: CordonOrder, view: ClusterView) -> RequestRefused | None:
        member = view.members.get(order.node)
        if order.node == self._own:
            return None
        if member is None:
            return _refusal(order, f"no node is called {order.node}", _known(view))
        if member.state == "dead":
            fix = "no requests go to it meanwhile; give the order again when its agent runs"
            return _refusal(order, "it is dead: it answers nobody", fix)
        if member.state == "left":
            fix = "give the order again when its agent runs"
            return _refusal(order, "it has left the cluster", fix)
        if order.node not in find_peers(view).addresses:
            return _refusal(order, "it has not said where its agent is", "try again in a second")
        return None

    def changed(self, changed: CordonChanged, view: ClusterView) -> list[Effect]:
        """A node has obeyed, or says why not."""
        waiting = self._waiting.get(changed.number)
        if waiting is None or waiting.change.node != changed.node:
            return [Unexpected()]
        del self._waiting[changed.number]
        if changed.why:
            return [Tell(waiting.asker, _refusal(waiting.change, changed.why, changed.fix))]
        return [Tell(waiting.asker, cordon_report(view, changed))]

    def tick(self, now_s: float) -> list[Effect]:
        """Tell those who have waited long enough."""
        return list(self._end(now_s))

    def _end(self, now_s: float) -> Iterator[Effect]:
        for number, one in list(self._waiting.items()):
            if now_s >= one.due_at_s:
                del self._waiting[number]
                yield Tell(one.asker, _silent(one.change))


def _refusal(order: CordonOrder | CordonChange, why: str, fix: str) -> RequestRefused:
    return RequestRefused(what=f"{order.node} was not {_word(order)}", why=why, fix=fix)


def _silent(change: CordonChange) -> RequestRefused:
    return RequestRefused(
        what=f"{change.node} may or may not have been {_word(change)}",
        why=f"its agent did not answer within {TIMEOUT_S:g} s",
        fix="give the order again, which is safe; an agent that never answers may be of a version "
        "that knows no such order",
    )


def _too_many() -> RequestRefused:
    return RequestRefused(
        what="this node does not answer now",
        why=f"{ASKERS_MAX} others wait for a node to be cordoned already",
        fix="ask again in some seconds",
    )


def _word(order: CordonOrder | CordonChange) -> str:
    return "cordoned" if order.cordoned else "uncordoned"


def _known(view: ClusterView) -> str:
    names = sorted(view.members)
    more = f" and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else ""
    return f"there are: {', '.join(names[:NAMES_SHOWN_MAX])}{more}"
