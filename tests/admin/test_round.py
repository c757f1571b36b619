"""Scatter and gather: which keys are asked, how long askers wait, and what each is answered."""

from __future__ import annotations

from collections.abc import Iterable

from constellation.admin.round import Ask, Completed, Round, TooMany, Unexpected

BOTH = ("alpha", "beta")
TIMEOUT_S, ASK_AGAIN_S = 1.0, 5.0


def shared(askers_max: int = 64) -> Round[str, str, int]:
    """Return a round whose questions are shared by askers, as for the status."""
    return Round[str, str, int](timeout_s=TIMEOUT_S, ask_again_s=ASK_AGAIN_S, askers_max=askers_max)


def ask(*keys: str, subject: str = "s") -> Ask[str, str]:
    return Ask(keys, subject)


def done(asker: str, *missing: str, subject: str = "s", **replies: int) -> object:
    return Completed(asker, subject, replies, missing)


def test_asker_is_answered_once_all_keys_have_replied() -> None:
    one = shared()

    asked = one.begin("me", "s", BOTH, 10.0)
    first = one.answered("beta", 2, 10.1)
    second = one.answered("alpha", 1, 10.2)

    assert asked == [ask("alpha", "beta")]
    assert first == []
    assert second == [done("me", alpha=1, beta=2)]
    assert one.tick(99.0) == []


def test_key_without_a_reply_in_time_is_missing() -> None:
    one = shared()
    one.begin("me", "s", BOTH, 10.0)
    one.answered("alpha", 1, 10.1)

    early, late = one.tick(10.99), one.tick(11.0)

    assert early == []
    assert late == [done("me", "beta", alpha=1)]


def test_askers_share_the_open_question_of_a_silent_key() -> None:
    one = shared()
    one.begin("me", "s", BOTH, 10.0)
    one.answered("alpha", 1, 10.1)

    later = one.begin("you", "t", BOTH, 10.5)
    one.answered("alpha", 1, 10.6)
    answers = one.answered("beta", 2, 10.7)

    assert later == [ask("alpha", subject="t")]
    assert answers == [done("me", alpha=1, beta=2), done("you", alpha=1, beta=2, subject="t")]


def test_each_asker_waits_for_its_own_timeout() -> None:
    one = shared()
    one.begin("me", "s", BOTH, 10.0)
    one.begin("you", "s", BOTH, 10.9)

    assert one.tick(11.0) == [done("me", *BOTH)]
    assert one.tick(11.8) == []
    assert one.tick(11.9) == [done("you", *BOTH)]


def test_reply_from_before_a_question_does_not_answer_it() -> None:
    one = shared()
    one.begin("me", "s", BOTH, 10.0)
    one.answered("alpha", 1, 10.1)
    one.begin("you", "s", ("alpha",), 10.2)

    assert one.answered("alpha", 7, 10.3) == [done("you", alpha=7)]


def test_silent_key_is_asked_again_only_after_a_while() -> None:
    one = shared()
    one.begin("me", "s", ("beta",), 10.0)
    one.tick(11.0)

    before = one.begin("me", "s", ("beta",), 10.0 + ASK_AGAIN_S - 0.1)
    after = one.begin("me", "s", ("beta",), 10.0 + ASK_AGAIN_S)

    assert before == []
    assert after == [ask("beta")]


def test_late_reply_serves_the_askers_that_wait_by_then() -> None:
    one = shared()
    one.begin("me", "s", ("beta",), 10.0)
    one.tick(11.0)
    one.begin("you", "s", ("beta",), 12.0)

    answers = one.answered("beta", 2, 12.1)

    assert answers == [done("you", beta=2)]
    assert one.begin("me", "s", ("beta",), 12.2) == [ask("beta")]


def test_reply_that_is_not_owed_changes_nothing() -> None:
    one = shared()
    one.begin("me", "s", BOTH, 10.0)
    one.answered("beta", 2, 10.1)

    assert one.answered("beta", 9, 10.2) == [Unexpected()]
    assert one.answered("gamma", 3, 10.2) == [Unexpected()]
    assert one.answered("alpha", 1, 10.3) == [done("me", alpha=1, beta=2)]


def test_reply_is_owed_for_as_long_as_the_question_is_not_repeated() -> None:
    one = shared()
    one.begin("me", "s", ("beta",), 10.0)
    one.tick(11.0)

    in_time = one.answered("beta", 2, 10.0 + ASK_AGAIN_S - 0.1)
    one.begin("me", "s", ("beta",), 20.0)
    one.tick(20.0 + ASK_AGAIN_S)
    too_late = one.answered("beta", 2, 20.0 + ASK_AGAIN_S)

    assert in_time == []
    assert too_late == [Unexpected()]


def test_unreachable_key_is_missing_at_once_and_not_waited_for() -> None:
    one = shared()
    one.begin("me", "s", ("alpha", "gamma"), 10.0)

    assert one.unreachable("gamma", 10.0) == []
    assert one.answered("alpha", 1, 10.1) == [done("me", "gamma", alpha=1)]
    assert one.begin("you", "s", ("gamma",), 10.2) == [ask("gamma")]
    assert one.unreachable("gamma", 10.2) == [done("you", "gamma")]


def test_asker_that_waits_for_nothing_is_answered_at_once() -> None:
    assert shared().begin("me", "s", (), 10.0) == [done("me")]


def test_askers_beyond_the_limit_are_refused_until_others_are_answered() -> None:
    one = shared(askers_max=2)
    one.begin("a", "s", BOTH, 10.0)
    one.begin("b", "s", ("alpha",), 10.0)

    assert one.waiting_count == 2
    assert one.begin("c", "s", BOTH, 10.1) == [TooMany("c", 2)]
    one.tick(11.0)
    assert one.begin("c", "s", ("gamma",), 11.1) == [ask("gamma")]


def test_one_asker_may_wait_twice() -> None:
    one = shared()
    one.begin("me", "s", ("alpha",), 10.0)
    one.begin("me", "s", BOTH, 10.0)

    assert one.answered("alpha", 1, 10.1) == [done("me", alpha=1)]
    assert one.answered("beta", 2, 10.2) == [done("me", alpha=1, beta=2)]


# Without sharing: each question has a key of its own, or is asked for each asker.


def test_without_a_pause_a_silent_key_is_asked_again_for_the_next_asker() -> None:
    one = Round[str, str, int](timeout_s=TIMEOUT_S)
    one.begin("me", "s", ("beta",), 10.0)
    one.tick(11.0)

    assert one.begin("you", "s", ("beta",), 11.0) == [ask("beta")]


def test_without_a_pause_a_reply_that_comes_too_late_is_not_expected() -> None:
    one = Round[int, str, int](timeout_s=TIMEOUT_S)
    one.begin("me", "s", (1,), 10.0)
    one.tick(11.0)

    assert one.answered(1, 7, 11.1) == [Unexpected()]


# What replies lead to, and what is lost.


def next_key(subject: str, reply: int) -> Iterable[str]:
    return ["beta"] if (subject, reply) == ("s", 1) else []


def following() -> Round[str, str, int]:
    return Round[str, str, int](timeout_s=TIMEOUT_S, ask_again_s=ASK_AGAIN_S, follow_up=next_key)


def test_reply_may_lead_to_a_further_question_with_the_same_deadline() -> None:
    one = following()
    one.begin("me", "s", ("alpha",), 10.0)
    one.begin("you", "t", ("alpha",), 10.5)

    assert one.answered("alpha", 1, 10.6) == [
        ask("beta"),
        done("you", alpha=1, subject="t"),
    ]
    assert one.tick(11.0) == [done("me", "beta", alpha=1)]


def test_further_question_is_shared_too() -> None:
    one = following()
    one.begin("me", "s", ("alpha",), 10.0)
    one.begin("you", "s", ("alpha",), 10.0)

    assert one.answered("alpha", 1, 10.1) == [ask("beta")]
    assert one.answered("beta", 2, 10.2) == [
        done("me", alpha=1, beta=2),
        done("you", alpha=1, beta=2),
    ]


def test_lost_question_is_asked_anew_only_if_someone_waits_for_it() -> None:
    one = shared()
    one.begin("me", "s", BOTH, 10.0)

    assert one.awaited() == ["alpha", "beta"]
    assert one.ask_anew("alpha", 10.1) == [ask("alpha")]
    assert one.ask_anew("gamma", 10.1) == []
    assert one.answered("alpha", 1, 10.2) == []
