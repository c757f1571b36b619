"""What an order about the gossip keys has done on all nodes."""

from __future__ import annotations

import pytest

from constellation.admin.keyring_report import away_from, keyring_report, reach_of
from constellation.admin.keyring_table import keys_text
from constellation.admin.tables import render
from messages.keyring import KeyringState


def state(node: str, *key_ids: str, problem: str = "") -> KeyringState:
    return KeyringState(node=node, key_ids=key_ids, problem=problem)


def test_equal_keys_are_nothing_to_act_on() -> None:
    report = keyring_report([state("beta", "k1"), state("alpha", "k1")], ())

    assert [one.node for one in report.nodes] == ["alpha", "beta"]
    assert (report.unanswered, report.degraded) == ((), ())


def test_silent_node_is_named_with_what_to_do() -> None:
    report = keyring_report([state("alpha", "k1")], ("beta",))

    assert report.unanswered == ("beta",)
    assert report.degraded == ("node beta did not answer: repeat the order",)


@pytest.mark.case("O2")
def test_order_names_the_nodes_that_it_did_not_reach() -> None:
    report = keyring_report([state("alpha", "k1")], ("gamma",), ("beta", "gamma"))

    assert away_from(report) == ("beta", "gamma")
    assert reach_of(report) == "done on 1 of 3 nodes; not reached: beta, gamma"
    assert report.degraded == (
        "node gamma did not answer: repeat the order",
        "node beta is dead: it takes over the keys at its return",
    )
    refused = keyring_report([state("alpha", "k1"), state("beta", "k1", problem="no space")], ())
    assert reach_of(refused) == "done on 1 of 2 nodes"
    assert reach_of(keyring_report([state("alpha", "k1")], ())) == "done on 1 node"


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((state("alpha", "k1", "k2"), state("beta", "k1")), "key k2 is not on beta"),
        (
            (state("alpha", "k1", "k2"), state("beta", "k2", "k1")),
            "do not all encrypt with the same key",
        ),
        ((state("alpha", "k1"), state("beta", "k1", problem="no space")), "beta refused: no space"),
    ],
)
def test_difference_between_nodes_is_something_to_act_on(
    states: tuple[KeyringState, ...], words: str
) -> None:
    (degraded,) = keyring_report(states, ()).degraded

    assert words in degraded


def test_table_has_a_row_for_each_key_those_in_use_first() -> None:
    report = keyring_report([state("alpha", "k2", "k1"), state("beta", "k2")], ("gamma",))

    lines = render(keys_text(report), width=200, color=False).splitlines()

    assert lines[-4:] == [
        "Key  Encrypts on  Decrypts on",
        "k2   alpha, beta  alpha, beta",
        "k1   -            alpha",
        "No answer: gamma",
    ]
