"""One order about the gossip keys, given to all nodes."""

from __future__ import annotations

import pytest

from constellation.admin.keyring_round import Busy, KeyringRound, Report, Tell
from constellation.admin.keyring_table import keys_text
from constellation.admin.tables import render
from messages.keyring import KeyringOrder, KeyringReport, KeyringState

ORDER = KeyringOrder(action="list")
NODES = ("alpha", "beta")


def state(node: str, *key_ids: str, problem: str = "") -> KeyringState:
    return KeyringState(node=node, key_ids=key_ids, problem=problem)


def report_of(*states: KeyringState, unreachable: tuple[str, ...] = ()) -> KeyringReport:
    one = KeyringRound()
    one.ordered("asker", ORDER, [state.node for state in states], 0.0, unreachable=unreachable)
    effects = [effect for state in states for effect in one.answered(state, 0.1)]
    (report,) = effects
    assert isinstance(report, Report)
    return report.report


def test_all_nodes_are_told_and_the_asker_when_all_have_answered() -> None:
    one = KeyringRound()

    assert one.ordered("asker", ORDER, NODES, 0.0) == [Tell(("alpha", "beta"), ORDER)]
    assert one.answered(state("beta", "k1"), 0.1) == []
    (report,) = one.answered(state("alpha", "k1"), 0.2)

    assert report == Report(
        "asker",
        KeyringReport(
            nodes=(state("alpha", "k1"), state("beta", "k1")), unanswered=(), degraded=()
        ),
    )


def test_silent_node_is_named_when_time_is_up() -> None:
    one = KeyringRound()
    one.ordered("asker", ORDER, NODES, 0.0)
    one.answered(state("alpha", "k1"), 0.1)

    assert one.tick(1.9) == []
    (report,) = one.tick(2.0)

    assert isinstance(report, Report)
    assert report.report.unanswered == ("beta",)
    assert report.report.degraded == ("node beta did not answer: give the order again",)
    assert one.answered(state("beta", "k1"), 2.1) == []


def test_second_order_waits_for_the_first() -> None:
    one = KeyringRound()
    one.ordered("first", ORDER, NODES, 0.0)

    assert one.ordered("second", ORDER, NODES, 0.1) == [Busy("second")]

    one.tick(2.0)
    assert one.ordered("second", ORDER, NODES, 2.1) == [Tell(("alpha", "beta"), ORDER)]


def test_answer_of_a_stranger_or_a_second_one_changes_nothing() -> None:
    one = KeyringRound()
    one.ordered("asker", ORDER, NODES, 0.0)

    assert one.answered(state("mallory", "k9"), 0.1) == []
    assert one.answered(state("alpha", "k1"), 0.1) == []
    assert one.answered(state("alpha", "k9"), 0.1) == []


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((state("alpha", "k1", "k2"), state("beta", "k1")), "key k2 is not on beta"),
        ((state("alpha", "k1", "k2"), state("beta", "k2", "k1")), "not all nodes encrypt"),
        ((state("alpha", "k1"), state("beta", "k1", problem="no space")), "beta refused: no space"),
    ],
)
def test_difference_between_nodes_is_something_to_act_on(
    states: tuple[KeyringState, ...], words: str
) -> None:
    (degraded,) = report_of(*states).degraded

    assert words in degraded


def test_table_has_a_row_for_each_key_those_in_use_first() -> None:
    report = report_of(state("alpha", "k2", "k1"), state("beta", "k2"), unreachable=("gamma",))

    lines = render(keys_text(report), width=200, color=False).splitlines()

    assert lines[-4:] == [
        "Key  Encrypts on  Decrypts on",
        "k2   alpha, beta  alpha, beta",
        "k1   -            alpha",
        "No answer: gamma",
    ]
