"""Asking all living nodes how they are, for several askers at once.

One round at a time: who asks while one is under way waits for the next.  A peer that has not
answered is not asked again for a while, only waited for.  So a cut-off peer has at most one
question of this node in `ASK_AGAIN_S`, however many operators ask.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from messages.admin import NodeStatus

ROUND_TIMEOUT_S = 1.0
ASK_AGAIN_S = 5.0
ASKERS_MAX = 64


@dataclass(frozen=True, slots=True)
class Ask:
    """Effect: ask `nodes`: this one's supervisor, and the admin actors of the others."""

    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Effect: tell `askers` what was learned."""

    askers: tuple[str, ...]
    statuses: tuple[NodeStatus, ...]
    unanswered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TooMany:
    """Effect: refuse `asker`; so many wait already."""

    asker: str
    limit: int


Effect = Ask | Answer | TooMany


@dataclass(slots=True)
class StatusRound:
    """State of the asking.  Askers and nodes are named by text; `now_s` is monotonic seconds."""

    timeout_s: float = ROUND_TIMEOUT_S
    askers_max: int = ASKERS_MAX
    _askers: list[str] = field(default_factory=list)  # of the round under way
    _next_askers: list[str] = field(default_factory=list)
    _awaited: set[str] = field(default_factory=set)
    _statuses: dict[str, NodeStatus] = field(default_factory=dict)
    _asked_at_s: dict[str, float] = field(default_factory=dict)  # who still owes an answer
    _due_at_s: float = 0.0

    @property
    def is_under_way(self) -> bool:
        """Somebody waits for answers."""
        return bool(self._askers)

    def asked(self, asker: str, nodes: Iterable[str], now_s: float) -> list[Effect]:
        """`asker` wants to know; `nodes` are this one and all other living ones."""
        if len(self._askers) + len(self._next_askers) >= self.askers_max:
            return [TooMany(asker, self.askers_max)]
        if self.is_under_way:
            self._next_askers.append(asker)
            return []
        return self._begin([asker], nodes, now_s)

    def _begin(self, askers: list[str], nodes: Iterable[str], now_s: float) -> list[Effect]:
        self._askers, self._next_askers = askers, []
        self._awaited, self._statuses = set(nodes), {}
        self._due_at_s = now_s + self.timeout_s
        owing = {node for node, at_s in self._asked_at_s.items() if now_s < at_s + ASK_AGAIN_S}
        ask = sorted(self._awaited - owing)
        # Nodes that are gone owe nothing any more.
        kept = {node: at_s for node, at_s in self._asked_at_s.items() if node in self._awaited}
        self._asked_at_s = kept | dict.fromkeys(ask, now_s)
        return [Ask(tuple(ask))]

    def answered(self, node: str, status: NodeStatus) -> list[Effect]:
        """`node` said how it is.  An answer that nobody waits for changes nothing."""
        self._asked_at_s.pop(node, None)
        if node not in self._awaited:
            return []
        self._awaited.discard(node)
        self._statuses[node] = status
        return [] if self._awaited else self._finish()

    def tick(self, nodes: Iterable[str], now_s: float) -> list[Effect]:
        """End a round that took too long, and begin the next if somebody waits for it."""
        effects: list[Effect] = []
        if self.is_under_way and now_s >= self._due_at_s:
            effects += self._finish()
        if not self.is_under_way and self._next_askers:
            effects += self._begin(self._next_askers, nodes, now_s)
        return effects

    def _finish(self) -> list[Effect]:
        statuses = tuple(self._statuses[node] for node in sorted(self._statuses))
        answer = Answer(tuple(self._askers), statuses, tuple(sorted(self._awaited)))
        self._askers, self._awaited, self._statuses = [], set(), {}
        return [answer]
