"""One order about the gossip keys to all living nodes, and what they answer.

One order at a time: two at once could leave nodes with different keys in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from messages.keyring import KeyringOrder, KeyringReport, KeyringState

ROUND_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Tell:
    """Effect: send `order` to the gossip of `nodes`."""

    nodes: tuple[str, ...]
    order: KeyringOrder


@dataclass(frozen=True, slots=True)
class Report:
    """Effect: answer `asker`."""

    asker: str
    report: KeyringReport


@dataclass(frozen=True, slots=True)
class Busy:
    """Effect: refuse `asker`; another order is under way."""

    asker: str


Effect = Tell | Report | Busy


@dataclass(slots=True)
class _Running:
    asker: str
    due_at_s: float
    awaited: set[str]
    unreachable: tuple[str, ...]
    states: dict[str, KeyringState] = field(default_factory=dict)


class KeyringRound:
    """The order that runs, if any.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._running: _Running | None = None

    def ordered(
        self,
        asker: str,
        order: KeyringOrder,
        nodes: Iterable[str],
        now_s: float,
        *,
        unreachable: Sequence[str] = (),
    ) -> list[Effect]:
        """`asker` wants `nodes` to do something; `unreachable` live, but cannot be asked."""
        if self._running is not None:
            return [Busy(asker)]
        self._running = _Running(asker, now_s + ROUND_TIMEOUT_S, set(nodes), tuple(unreachable))
        return [Tell(tuple(sorted(self._running.awaited)), order)]

    def answered(self, state: KeyringState, now_s: float) -> list[Effect]:
        """Take what a node has done.  An answer that nobody waits for changes nothing."""
        if self._running is None or state.node not in self._running.awaited:
            return []
        self._running.awaited.discard(state.node)
        self._running.states[state.node] = state
        return self.tick(now_s)

    def tick(self, now_s: float) -> list[Effect]:
        """Report when all have answered, or time is up."""
        running = self._running
        if running is None or (running.awaited and now_s < running.due_at_s):
            return []
        self._running = None
        states = tuple(running.states[name] for name in sorted(running.states))
        unanswered = tuple(sorted({*running.awaited, *running.unreachable}))
        return [Report(running.asker, _report(states, unanswered))]


def _report(states: tuple[KeyringState, ...], unanswered: tuple[str, ...]) -> KeyringReport:
    return KeyringReport(
        nodes=states,
        unanswered=unanswered,
        degraded=(
            *(f"node {state.node} refused: {state.problem}" for state in states if state.problem),
            *(f"node {name} did not answer: give the order again" for name in unanswered),
            *_differences(states),
        ),
    )


def _differences(states: tuple[KeyringState, ...]) -> list[str]:
    """Return which keys some nodes have and others do not, and whether one key is in use."""
    everything = sorted({one for state in states for one in state.key_ids})
    lacking = {
        key: [state.node for state in states if key not in state.key_ids] for key in everything
    }
    found = [
        f"key {key} is not on {', '.join(nodes)}: install it there, or remove it everywhere"
        for key, nodes in lacking.items()
        if nodes
    ]
    in_use = {state.key_ids[:1] for state in states}
    if len(in_use) > 1:
        found.append("not all nodes encrypt with the same key: `keys use` one that all have")
    return found
