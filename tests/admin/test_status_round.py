"""Asking nodes how they are: whom, how long, and who is told what."""

from __future__ import annotations

from constellation.admin.status_round import (
    ASK_AGAIN_S,
    Answer,
    AnswerOfOne,
    Ask,
    StatusRound,
    TooMany,
    Unexpected,
)
from tests.admin.builders import status

ALPHA, BETA = status("alpha"), status("beta")
BOTH = ("alpha", "beta")


def test_asker_is_answered_as_soon_as_all_have_answered() -> None:
    asking = StatusRound()

    asked = asking.asked("me", BOTH, 10.0)
    first = asking.answered("beta", BETA, 10.1)
    second = asking.answered("alpha", ALPHA, 10.2)

    assert asked == [Ask(BOTH)]
    assert first == []
    assert second == [Answer("me", (ALPHA, BETA), ())]
    assert asking.tick(99.0) == []


def test_who_did_not_answer_in_a_second_is_named() -> None:
    asking = StatusRound()
    asking.asked("me", BOTH, 10.0)
    asking.answered("alpha", ALPHA, 10.1)

    early, late = asking.tick(10.99), asking.tick(11.0)

    assert early == []
    assert late == [Answer("me", (ALPHA,), ("beta",))]


def test_askers_share_the_one_question_that_a_silent_node_was_asked() -> None:
    asking = StatusRound()
    asking.asked("me", BOTH, 10.0)
    asking.answered("alpha", ALPHA, 10.1)

    later = asking.asked("you", BOTH, 10.5)
    asking.answered("alpha", ALPHA, 10.6)
    answers = asking.answered("beta", BETA, 10.7)

    assert later == [Ask(("alpha",))]
    assert answers == [Answer("me", (ALPHA, BETA), ()), Answer("you", (ALPHA, BETA), ())]


def test_each_asker_waits_its_own_second_and_no_longer() -> None:
    asking = StatusRound()
    asking.asked("me", BOTH, 10.0)
    asking.asked("you", BOTH, 10.9)

    assert asking.tick(11.0) == [Answer("me", (), BOTH)]
    assert asking.tick(11.8) == []
    assert asking.tick(11.9) == [Answer("you", (), BOTH)]


def test_answer_from_before_the_question_is_not_given_to_who_asks_after_it() -> None:
    asking = StatusRound()
    asking.asked("me", BOTH, 10.0)
    asking.answered("alpha", ALPHA, 10.1)
    asking.asked("you", ("alpha",), 10.2)
    newer = status("alpha", uptime_s=99_999.0)

    answers = asking.answered("alpha", newer, 10.3)

    assert answers == [Answer("you", (newer,), ())]


def test_silent_node_is_asked_again_only_after_a_while() -> None:
    asking = StatusRound()
    asking.asked("me", ("beta",), 10.0)
    asking.tick(11.0)

    before = asking.asked("me", ("beta",), 10.0 + ASK_AGAIN_S - 0.1)
    after = asking.asked("me", ("beta",), 10.0 + ASK_AGAIN_S)

    assert before == []
    assert after == [Ask(("beta",))]


def test_late_answer_ends_the_debt_and_serves_who_waits_now() -> None:
    asking = StatusRound()
    asking.asked("me", ("beta",), 10.0)
    asking.tick(11.0)
    asking.asked("you", ("beta",), 12.0)

    answers = asking.answered("beta", BETA, 12.1)

    assert answers == [Answer("you", (BETA,), ())]
    assert asking.asked("me", ("beta",), 12.2) == [Ask(("beta",))]


def test_answer_that_is_not_owed_changes_nothing() -> None:
    asking = StatusRound()
    asking.asked("me", BOTH, 10.0)
    asking.answered("beta", BETA, 10.1)

    assert asking.answered("beta", status("beta", uptime_s=1.0), 10.2) == [Unexpected("beta")]
    assert asking.answered("gamma", status("gamma"), 10.2) == [Unexpected("gamma")]
    assert asking.answered("alpha", ALPHA, 10.3) == [Answer("me", (ALPHA, BETA), ())]


def test_node_without_an_address_is_named_at_once_and_not_waited_for() -> None:
    asking = StatusRound()
    asking.asked("me", ("alpha",), 10.0, unreachable=("gamma",))

    answers = asking.answered("alpha", ALPHA, 10.1)

    assert answers == [Answer("me", (ALPHA,), ("gamma",))]


def test_nobody_to_ask_is_an_answer_at_once() -> None:
    assert StatusRound().asked("me", (), 10.0) == [Answer("me", (), ())]


def test_one_node_is_asked_about_by_its_peers_in_the_same_way() -> None:
    asking = StatusRound()
    asking.asked("me", ("alpha",), 10.0)

    shared = asking.asked_of_one("peer", "alpha", 10.1)

    assert shared == []
    assert asking.answered("alpha", ALPHA, 10.2) == [
        Answer("me", (ALPHA,), ()),
        AnswerOfOne("peer", ALPHA),
    ]


def test_who_asked_about_one_node_in_vain_is_told_nothing() -> None:
    asking = StatusRound()
    asking.asked_of_one("peer", "alpha", 10.0)

    assert asking.tick(11.0) == []
    assert asking.asked_of_one("other", "alpha", 20.0) == [Ask(("alpha",))]


def test_more_askers_than_may_wait_are_refused_until_others_are_answered() -> None:
    asking = StatusRound(askers_max=2)
    asking.asked("a", BOTH, 10.0)
    asking.asked_of_one("b", "alpha", 10.0)

    assert asking.asked("c", BOTH, 10.1) == [TooMany("c", 2)]
    assert asking.asked_of_one("d", "alpha", 10.1) == [TooMany("d", 2)]
    asking.tick(11.0)
    assert asking.asked("c", ("gamma",), 11.1) == [Ask(("gamma",))]
