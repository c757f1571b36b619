"""What an order about the gossip keys has done on all nodes, and whether their keys are equal."""

from __future__ import annotations

from collections.abc import Iterable

from constellation.admin.words import counted
from messages.keyring import KeyringReport, KeyringState


def keyring_report(
    states: Iterable[KeyringState], unanswered: Iterable[str], dead: Iterable[str] = ()
) -> KeyringReport:
    """Return the report of the nodes that answered, of living ones that did not, and of the dead.

    A node that has left is none of them: it takes over the keys when it comes back.
    """
    answered = tuple(sorted(states, key=lambda state: state.node))
    silent = tuple(sorted(unanswered))
    # One that was asked may have been declared dead since.
    missing = tuple(sorted(set(dead) - {*silent, *(state.node for state in answered)}))
    return KeyringReport(
        nodes=answered,
        unanswered=silent,
        missing=missing,
        degraded=(
            *(f"node {state.node} refused: {state.problem}" for state in answered if state.problem),
            *(f"node {name} did not answer: repeat the order" for name in silent),
            *(f"node {name} is dead: it takes over the keys at its return" for name in missing),
            *_differences(answered),
        ),
    )


def away_from(report: KeyringReport) -> tuple[str, ...]:
    """Return the nodes that an order did not reach."""
    return tuple(sorted((*report.unanswered, *report.missing)))


def reach_of(report: KeyringReport) -> str:
    """Return on how many nodes an order was carried out, and which it did not reach."""
    away = away_from(report)
    done = sum(not state.problem for state in report.nodes)
    if not away and done == len(report.nodes):
        return f"done on {counted(done, 'node')}"
    text = f"done on {done} of {counted(len(report.nodes) + len(away), 'node')}"
    return f"{text}; not reached: {', '.join(away)}" if away else text


def _differences(states: tuple[KeyringState, ...]) -> list[str]:
    """Return which keys some nodes have and others do not, and whether one key is in use."""
    everything = sorted({one for state in states for one in state.key_ids})
    missing = {
        key: [state.node for state in states if key not in state.key_ids] for key in everything
    }
    found = [
        f"key {key} is not on {', '.join(nodes)}: install it there, or remove it everywhere"
        for key, nodes in missing.items()
        if nodes
    ]
    in_use = {state.key_ids[:1] for state in states}
    if len(in_use) > 1:
        found.append(
            "the nodes do not all encrypt with the same key: `keys use` one that all nodes have"
        )
    return found
