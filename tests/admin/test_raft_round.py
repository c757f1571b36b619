"""Requests about Raft for several askers: who is asked, what each is answered, and timeouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.admin.raft_round import (
    LEASES_TIMEOUT_S,
    ORDER_TIMEOUT_S,
    STATUS_TIMEOUT_S,
    AnswerLeases,
    AnswerStatus,
    AskStatus,
    Effect,
    PassOrder,
    RaftRound,
    ReadLeases,
)
from constellation.admin.round import ASKERS_MAX, Answer, Unexpected
from messages.operator import RequestRefused
from messages.raft_member import RaftOrder, RaftOrderDone, RaftStatus
from tests.admin.raft_builders import follows, heard, leads, lease, read

NODES = ("alpha", "beta", "gamma")
ALPHA, BETA = follows("alpha"), leads("beta", heard("alpha"), heard("gamma"))


@pytest.fixture
def one() -> RaftRound:
    return RaftRound("alpha")


def refusal(effects: list[Effect], asker: str) -> RequestRefused:
    (effect,) = effects
    assert isinstance(effect, Answer)
    assert effect.asker == asker
    assert isinstance(effect.message, RequestRefused)
    return effect.message


# How it is.


def test_leader_is_asked_too_and_the_asker_answered_once_both_have_replied(one: RaftRound) -> None:
    assert one.asked("p", 0.0) == [AskStatus("alpha")]
    assert one.status_received(ALPHA, 0.1) == [AskStatus("beta")]
    assert one.status_received(BETA, 0.2) == [AnswerStatus("p", {"alpha": ALPHA, "beta": BETA}, ())]


@pytest.mark.parametrize("status", [leads("alpha"), follows("alpha", leader="")])
def test_without_another_leader_only_this_node_is_asked(one: RaftRound, status: RaftStatus) -> None:
    one.asked("p", 0.0)

    assert one.status_received(status, 0.1) == [AnswerStatus("p", {"alpha": status}, ())]


def test_silent_leader_is_missing_after_the_timeout(one: RaftRound) -> None:
    one.asked("p", 0.0)
    one.status_received(ALPHA, 0.1)

    assert one.tick(STATUS_TIMEOUT_S - 0.1) == []
    assert one.tick(STATUS_TIMEOUT_S) == [AnswerStatus("p", {"alpha": ALPHA}, ("beta",))]
    assert one.tick(STATUS_TIMEOUT_S) == []


def test_leader_that_cannot_be_reached_is_not_waited_for(one: RaftRound) -> None:
    one.asked("p", 0.0)

    assert one.status_received(ALPHA, 0.1) == [AskStatus("beta")]
    assert one.unreachable("beta", 0.1) == [AnswerStatus("p", {"alpha": ALPHA}, ("beta",))]


def test_silent_raft_actor_of_this_node_is_a_refusal(one: RaftRound) -> None:
    one.asked("p", 0.0)

    assert "did not answer within 1.5 s" in refusal(one.tick(STATUS_TIMEOUT_S), "p").why


def test_askers_share_the_questions_and_each_is_answered(one: RaftRound) -> None:
    one.asked("p", 0.0)

    assert one.asked("q", 0.1) == []
    assert one.status_received(ALPHA, 0.2) == [AskStatus("beta")]
    told = one.status_received(BETA, 0.3)
    assert [effect.asker for effect in told if isinstance(effect, AnswerStatus)] == ["p", "q"]


def test_lost_question_is_asked_again(one: RaftRound) -> None:
    one.asked("p", 0.0)
    one.tick(STATUS_TIMEOUT_S)

    assert one.asked("q", STATUS_TIMEOUT_S) == [AskStatus("alpha")]


def test_answer_that_nobody_expects_changes_nothing(one: RaftRound) -> None:
    assert one.status_received(ALPHA, 0.0) == [Unexpected()]
    one.asked("p", 0.0)
    assert one.status_received(BETA, 0.1) == [Unexpected()]
    one.status_received(ALPHA, 0.2)
    assert one.status_received(ALPHA, 0.3) == [Unexpected()]


def test_restarted_raft_actor_is_asked_again(one: RaftRound) -> None:
    one.asked("p", 0.0)
    one.leases_asked("q", 0.0)

    assert one.restarted(0.5) == [ReadLeases(1), AskStatus("alpha")]
    assert RaftRound("alpha").restarted(0.5) == []


# Leases.


def test_each_asker_has_a_read_of_its_own(one: RaftRound) -> None:
    first, second = read(number=1), read(lease("a", "beta"), number=2)

    assert one.leases_asked("p", 0.0) == [ReadLeases(1)]
    assert one.leases_asked("q", 0.1) == [ReadLeases(2)]
    assert one.leases_received(second, 0.2) == [AnswerLeases("q", second)]
    assert one.leases_received(first, 0.2) == [AnswerLeases("p", first)]
    assert one.leases_received(second, 0.2) == [Unexpected()]


def test_late_read_does_not_answer_a_later_request(one: RaftRound) -> None:
    one.leases_asked("p", 0.0)
    assert "did not answer" in refusal(one.tick(LEASES_TIMEOUT_S), "p").why
    one.leases_asked("q", LEASES_TIMEOUT_S)

    assert one.leases_received(read(number=1), 0.2) == [Unexpected()]
    assert one.leases_received(read(number=2), 0.2) == [AnswerLeases("q", read(number=2))]


# Orders.


def order(node: str, action: Any = "transfer") -> RaftOrder:
    return RaftOrder(action=action, node=node)


def passed_on(one: RaftRound, asker: str, given: RaftOrder) -> RaftOrder:
    one.ordered(asker, given, NODES, 0.0)
    (effect,) = one.status_received(ALPHA, 0.1)
    assert isinstance(effect, PassOrder)
    return effect.order


def test_order_is_passed_on_once_its_name_is_known_and_its_outcome_reported(one: RaftRound) -> None:
    assert one.ordered("p", order("gamma"), NODES, 0.0) == [AskStatus("alpha")]
    (effect,) = one.status_received(ALPHA, 0.1)
    assert isinstance(effect, PassOrder)
    assert (effect.order.action, effect.order.node) == ("transfer", "gamma")
    done = RaftOrderDone(number=effect.order.number, is_done=True, text="gamma leads")

    assert one.order_done(done, 0.2) == [Answer("p", done)]
    assert one.order_done(done, 0.2) == [Unexpected()]


def test_concurrent_orders_are_distinguished_by_number(one: RaftRound) -> None:
    first = passed_on(one, "p", order("beta"))
    second = passed_on(one, "q", order("gamma"))
    done = RaftOrderDone(number=second.number, is_done=False, text="no")

    assert first.number != second.number
    assert one.order_done(done, 0.2) == [Answer("q", done)]


@pytest.mark.parametrize(
    ("action", "there_are"),
    [("transfer", "alpha, beta, gamma"), ("remove", "alpha, beta, gamma")],
)
def test_unknown_name_is_refused_with_the_known_ones(
    one: RaftRound, action: Any, there_are: str
) -> None:
    one.ordered("p", order("gama", action), ("alpha", "beta", "delta"), 0.0)
    told = refusal(one.status_received(ALPHA, 0.1), "p")

    assert told.what == f"{action} of gama was not done"
    assert told.why == "no node is called gama"
    assert told.fix == f"the nodes are: {there_are}"


def test_any_node_of_the_cluster_may_be_added(one: RaftRound) -> None:
    one.ordered("p", order("delta", "add"), ("alpha", "delta"), 0.0)
    one.ordered("q", order("epsilon", "add"), ("alpha", "delta"), 0.0)
    first, second = one.status_received(ALPHA, 0.1)

    assert isinstance(first, PassOrder)
    assert refusal([second], "q").fix == "the nodes are: alpha, beta, delta, gamma"


def test_dead_member_that_gossip_has_forgotten_can_be_removed(one: RaftRound) -> None:
    one.ordered("p", order("gamma", "remove"), ("alpha",), 0.0)

    assert isinstance(one.status_received(ALPHA, 0.1)[0], PassOrder)


def test_node_without_a_cluster_passes_no_order_on(one: RaftRound) -> None:
    one.ordered("p", order("gamma"), NODES, 0.0)
    waiting = RaftStatus(node="alpha", condition="waiting", why="for others", fix="start them")
    told = refusal(one.status_received(waiting, 0.1), "p")

    assert told.why == "alpha belongs to no Raft cluster yet: for others"
    assert told.fix == "start them"


def test_order_without_an_answer_has_an_unknown_outcome(one: RaftRound) -> None:
    passed_on(one, "p", order("gamma"))

    assert one.tick(0.1 + ORDER_TIMEOUT_S - 0.1) == []
    assert "may or may not have been done" in refusal(one.tick(0.1 + ORDER_TIMEOUT_S), "p").what


def test_order_that_was_not_passed_on_was_not_done(one: RaftRound) -> None:
    one.ordered("p", order("gamma"), NODES, 0.0)

    assert refusal(one.tick(STATUS_TIMEOUT_S), "p").what == "transfer of gamma was not done"
    assert one.status_received(ALPHA, STATUS_TIMEOUT_S) == [Unexpected()]


def test_askers_beyond_the_limit_are_refused_until_others_are_answered(one: RaftRound) -> None:
    for number in range(ASKERS_MAX // 2):
        one.asked(f"p{number}", 0.0)
        one.ordered(f"q{number}", order("gamma"), NODES, 0.0)

    for effects in (
        one.asked("r", 0.1),
        one.leases_asked("r", 0.1),
        one.ordered("r", order("gamma"), NODES, 0.1),
    ):
        assert str(ASKERS_MAX) in refusal(effects, "r").why
    one.tick(STATUS_TIMEOUT_S)
    assert one.asked("r", STATUS_TIMEOUT_S) == [AskStatus("alpha")]


# All of it.


@given(st.lists(st.tuples(st.integers(0, 7), st.floats(0.0, 1.0)), max_size=150))
def test_each_asker_is_answered_exactly_once(steps: list[tuple[int, float]]) -> None:
    one, now_s, told, askers = RaftRound("alpha"), 0.0, Counter[str](), 0
    done = RaftOrderDone(number=1, is_done=True, text="done")
    for kind, passed_s in steps:
        now_s += passed_s
        possible: list[Callable[[], list[Effect]]] = [
            partial(one.asked, f"p{askers}", now_s),
            partial(one.leases_asked, f"p{askers}", now_s),
            partial(one.ordered, f"p{askers}", order("gamma"), NODES, now_s),
            partial(one.status_received, ALPHA, now_s),
            partial(one.status_received, BETA, now_s),
            partial(one.leases_received, read(), now_s),
            partial(one.order_done, done, now_s),
            partial(one.restarted, now_s),
        ]
        effects = possible[kind]()
        askers += kind < 3
        for effect in [*effects, *one.tick(now_s)]:
            if isinstance(effect, (Answer, AnswerStatus, AnswerLeases)):
                told[effect.asker] += 1
    for effect in one.tick(now_s + 100.0):
        assert isinstance(effect, (Answer, AnswerStatus, AnswerLeases))
        told[effect.asker] += 1

    assert told == {f"p{number}": 1 for number in range(askers)}
    assert one.asked("last", now_s + 200.0) == [AskStatus("alpha")]
