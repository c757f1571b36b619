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
    AnswerLeases,
    Effect,
    PassOrder,
    RaftRound,
    ReadLeases,
)
from constellation.admin.round import ASKERS_MAX, Answer, Unexpected
from messages.operator import RequestRefused
from messages.raft_member import RaftOrder, RaftOrderDone, RaftStatus
from tests.admin.raft_builders import follows, lease, read

NODES = ("alpha", "beta", "gamma")
ALPHA = follows("alpha")


@pytest.fixture
def one() -> RaftRound:
    return RaftRound()


def refusal(effects: list[Effect], asker: str) -> RequestRefused:
    (effect,) = effects
    assert isinstance(effect, Answer)
    assert effect.asker == asker
    assert isinstance(effect.message, RequestRefused)
    return effect.message


def test_restarted_raft_actor_is_asked_again(one: RaftRound) -> None:
    one.leases_asked("q", 0.0)

    assert one.restarted(0.5) == [ReadLeases(1)]
    assert RaftRound().restarted(0.5) == []


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
    (effect,) = one.ordered(asker, given, ALPHA, NODES, 0.1)
    assert isinstance(effect, PassOrder)
    return effect.order


def test_order_is_passed_on_once_its_name_is_known_and_its_outcome_reported(one: RaftRound) -> None:
    given = passed_on(one, "p", order("gamma"))
    assert (given.action, given.node) == ("transfer", "gamma")
    done = RaftOrderDone(number=given.number, is_done=True, text="gamma leads")

    assert one.order_done(done, 0.2) == [Answer("p", done)]
    assert one.order_done(done, 0.2) == [Unexpected()]


def test_concurrent_orders_are_distinguished_by_number(one: RaftRound) -> None:
    first = passed_on(one, "p", order("beta"))
    second = passed_on(one, "q", order("gamma"))
    done = RaftOrderDone(number=second.number, is_done=False, text="no")

    assert first.number != second.number
    assert one.order_done(done, 0.2) == [Answer("q", done)]


@pytest.mark.parametrize(
    ("action", "words"), [("transfer", "transfer leadership to gama"), ("remove", "remove gama")]
)
def test_unknown_name_is_refused_with_the_known_ones(
    one: RaftRound, action: Any, words: str
) -> None:
    nodes = ("alpha", "beta", "delta")
    told = refusal(one.ordered("p", order("gama", action), ALPHA, nodes, 0.0), "p")

    assert told.what == f"cannot {words}"
    assert told.why == "no node named gama"
    assert told.fix == "the nodes are: alpha, beta, gamma"


def test_any_node_of_the_cluster_may_be_added(one: RaftRound) -> None:
    first = one.ordered("p", order("delta", "add"), ALPHA, ("alpha", "delta"), 0.0)
    second = one.ordered("q", order("epsilon", "add"), ALPHA, ("alpha", "delta"), 0.0)

    assert isinstance(first[0], PassOrder)
    assert refusal(second, "q").fix == "the nodes are: alpha, beta, delta, gamma"


def test_dead_member_that_gossip_has_forgotten_can_be_removed(one: RaftRound) -> None:
    assert passed_on(one, "p", order("gamma", "remove")).node == "gamma"


def test_node_without_a_cluster_passes_no_order_on(one: RaftRound) -> None:
    waiting = RaftStatus(node="alpha", condition="waiting", why="for others", fix="start them")
    told = refusal(one.ordered("p", order("gamma"), waiting, NODES, 0.0), "p")

    assert told.why == "alpha belongs to no Raft cluster yet: for others"
    assert told.fix == "start them"


def test_order_without_an_answer_has_an_unknown_outcome(one: RaftRound) -> None:
    passed_on(one, "p", order("gamma"))

    assert one.tick(0.1 + ORDER_TIMEOUT_S - 0.1) == []
    assert "it is not known whether" in refusal(one.tick(0.1 + ORDER_TIMEOUT_S), "p").what


def test_order_that_was_not_passed_on_was_not_done(one: RaftRound) -> None:
    told = refusal(one.ordered("p", order("gamma"), None, NODES, 0.0), "p")

    assert told.what == "cannot transfer leadership to gamma"
    assert told.why == "the Raft actor of this node did not answer in time"


def test_askers_beyond_the_limit_are_refused_until_others_are_answered(one: RaftRound) -> None:
    for number in range(ASKERS_MAX // 2):
        one.leases_asked(f"p{number}", 0.0)
        one.ordered(f"q{number}", order("gamma"), ALPHA, NODES, 0.0)

    for effects in (
        one.leases_asked("r", 0.1),
        one.ordered("r", order("gamma"), ALPHA, NODES, 0.1),
    ):
        assert str(ASKERS_MAX) in refusal(effects, "r").why
    one.tick(LEASES_TIMEOUT_S)
    assert len(one.leases_asked("r", LEASES_TIMEOUT_S)) == 1


# All of it.


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0.0, 1.0)), max_size=150))
def test_each_asker_is_answered_exactly_once(steps: list[tuple[int, float]]) -> None:
    one, now_s, told, askers = RaftRound(), 0.0, Counter[str](), 0
    done = RaftOrderDone(number=1, is_done=True, text="done")
    for kind, passed_s in steps:
        now_s += passed_s
        possible: list[Callable[[], list[Effect]]] = [
            partial(one.leases_asked, f"p{askers}", now_s),
            partial(one.ordered, f"p{askers}", order("gamma"), ALPHA, NODES, now_s),
            partial(one.ordered, f"p{askers}", order("gamma"), None, NODES, now_s),
            partial(one.leases_received, read(), now_s),
            partial(one.order_done, done, now_s),
            partial(one.restarted, now_s),
        ]
        effects = possible[kind]()
        askers += kind < 3
        for effect in [*effects, *one.tick(now_s)]:
            if isinstance(effect, (Answer, AnswerLeases)):
                told[effect.asker] += 1
    for effect in one.tick(now_s + 100.0):
        assert isinstance(effect, (Answer, AnswerLeases))
        told[effect.asker] += 1

    assert told == {f"p{number}": 1 for number in range(askers)}
