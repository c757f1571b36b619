"""Asking nodes how they are, for several askers at once.

Each asker is answered as soon as all nodes have answered, or after `timeout_s` with those that
have.  A node has at most one unanswered question of ours: askers share it.  A question or its
answer may have been lost, so a node that was silent for `ASK_AGAIN_S` may be asked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from messages.admin import NodeStatus

ROUND_TIMEOUT_S = 1.0
ASK_AGAIN_S = 5.0
ASKERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """Effect: ask `nodes` how they are."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Effect: tell `asker` what was learned of all nodes, by name."""

    asker: str
    statuses: tuple[NodeStatus, ...]
    unanswered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerOfOne:
    """Effect: tell `asker` how the one node is that it asked about."""

    asker: str
    status: NodeStatus


@dataclass(frozen=True, slots=True)
class TooMany:
    """Effect: refuse `asker`; so many wait already."""

    asker: str
    limit: int


@dataclass(frozen=True, slots=True)
class Unexpected:
    """Effect: count an answer that `node` did not owe."""

    node: str


Effect = Ask | Answer | AnswerOfOne | TooMany | Unexpected


@dataclass(slots=True)
class _Waiting:
    """One asker, and what it has so far."""

    asker: str
    due_at_s: float
    awaited: set[str]
    unreachable: tuple[str, ...] = ()
    is_about_one: bool = False
    statuses: dict[str, NodeStatus] = field(default_factory=dict)

    def answer(self) -> list[Effect]:
        statuses = tuple(self.statuses[node] for node in sorted(self.statuses))
        if self.is_about_one:  # who got nothing in time has given up waiting, too
            return [AnswerOfOne(self.asker, status) for status in statuses]
        unanswered = tuple(sorted({*self.awaited, *self.unreachable}))
        return [Answer(self.asker, statuses, unanswered)]


@dataclass(slots=True)
class StatusRound:
    """Who waits for what.  Askers and nodes are named by text; `now_s` is monotonic seconds."""

    timeout_s: float = ROUND_TIMEOUT_S
    askers_max: int = ASKERS_MAX
    _waiting: list[_Waiting] = field(default_factory=list)
    _owing_since_s: dict[str, float] = field(default_factory=dict)  # who owes an answer

    def asked(
        self, asker: str, nodes: Iterable[str], now_s: float, *, unreachable: Sequence[str] = ()
    ) -> list[Effect]:
        """`asker` wants to know how `nodes` are; of `unreachable` it is told that they are."""
        due_at_s = now_s + self.timeout_s
        return self._wait(_Waiting(asker, due_at_s, set(nodes), tuple(unreachable)), now_s)

    def asked_of_one(self, asker: str, node: str, now_s: float) -> list[Effect]:
        """`asker` wants to know how `node` is."""
        due_at_s = now_s + self.timeout_s
        return self._wait(_Waiting(asker, due_at_s, {node}, is_about_one=True), now_s)

    def _wait(self, waiting: _Waiting, now_s: float) -> list[Effect]:
        if len(self._waiting) >= self.askers_max:
            return [TooMany(waiting.asker, self.askers_max)]
        self._owing_since_s = {
            node: since_s
            for node, since_s in self._owing_since_s.items()
            if now_s < since_s + ASK_AGAIN_S
        }
        ask = sorted(waiting.awaited - self._owing_since_s.keys())
        self._owing_since_s.update(dict.fromkeys(ask, now_s))
        self._waiting.append(waiting)
        return [*([Ask(tuple(ask))] if ask else []), *self._finish(now_s)]

    def answered(self, node: str, status: NodeStatus, now_s: float) -> list[Effect]:
        """`node` said how it is.  An answer that it does not owe changes nothing."""
        if self._owing_since_s.pop(node, None) is None:
            return [Unexpected(node)]
        for waiting in self._waiting:
            if node in waiting.awaited:
                waiting.awaited.discard(node)
                waiting.statuses[node] = status
        return self._finish(now_s)

    def tick(self, now_s: float) -> list[Effect]:
        """Answer those who have waited long enough."""
        return self._finish(now_s)

    def _finish(self, now_s: float) -> list[Effect]:
        done = [one for one in self._waiting if not one.awaited or now_s >= one.due_at_s]
        self._waiting = [one for one in self._waiting if one.awaited and now_s < one.due_at_s]
        return [effect for one in done for effect in one.answer()]
