"""What an order about the gossip keys has done on all nodes, and whether their keys are equal."""

from __future__ import annotations

from collections.abc import Iterable

from messages.keyring import KeyringReport, KeyringState


def keyring_report(states: Iterable[KeyringState], unanswered: Iterable[str]) -> KeyringReport:
    """Return the report of the nodes that answered, and of the living ones that did not."""
    answered = tuple(sorted(states, key=lambda state: state.node))
    silent = tuple(sorted(unanswered))
    return KeyringReport(
        nodes=answered,
        unanswered=silent,
        degraded=(
            *(f"node {state.node} refused: {state.problem}" for state in answered if state.problem),
            *(f"node {name} did not answer: repeat the order" for name in silent),
            *_differences(answered),
        ),
    )


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
