"""Orders to cordon nodes: which are passed on, who is told what, and when time is up."""

from __future__ import annotations

import pytest

from constellation.admin.cordon_round import (
    ASKERS_MAX,
    TIMEOUT_S,
    CordonRound,
    Effect,
    PassOn,
    Tell,
    Unexpected,
)
from messages.admin import CordonChange, CordonChanged, CordonOrder, CordonReport, RequestRefused
from tests.admin.builders import member, members, said, service
from tests.traefik.builders import view

CLUSTER = view(
    service("web", "beta"),
    members=members(beta="alive", gamma="suspect", delta="dead", epsilon="left", zeta="alive"),
    nodes=(said("alpha"), said("beta"), said("gamma"), said("delta"), said("epsilon")),
)


@pytest.fixture
def one() -> CordonRound:
    return CordonRound("alpha")


def order(node: str, *, cordoned: bool = True) -> CordonOrder:
    return CordonOrder(node=node, cordoned=cordoned, reason="kernel upgrade" if cordoned else "")


def passed(effects: list[Effect]) -> CordonChange:
    (effect,) = effects
    assert isinstance(effect, PassOn)
    return effect.change


def obeyed(change: CordonChange, **fields: object) -> CordonChanged:
    known = change.model_dump() | {"was_already": False} | fields
    return CordonChanged.model_validate(known)


def refusal(effects: list[Effect], asker: str = "p") -> RequestRefused:
    (effect,) = effects
    assert isinstance(effect, Tell)
    assert effect.asker == asker
    assert isinstance(effect.answer, RequestRefused)
    return effect.answer


@pytest.mark.parametrize("node", ["alpha", "beta", "gamma"], ids=["itself", "alive", "suspect"])
def test_order_is_passed_on_and_its_end_told(one: CordonRound, node: str) -> None:
    change = passed(one.ordered("p", order(node), CLUSTER, 0.0))

    (told,) = one.changed(obeyed(change), CLUSTER)

    assert (change.node, change.cordoned, change.reason) == (node, True, "kernel upgrade")
    assert isinstance(told, Tell)
    assert isinstance(told.answer, CordonReport)
    assert (told.asker, told.answer.node, told.answer.reason) == ("p", node, "kernel upgrade")
    assert one.tick(TIMEOUT_S) == []


@pytest.mark.parametrize(
    ("node", "why", "fix"),
    [
        ("eta", "no node is called eta", "there are: alpha, beta, delta, epsilon, gamma, zeta"),
        ("delta", "it is dead: it answers nobody", "give the order again when its agent runs"),
        ("epsilon", "it has left the cluster", "give the order again when its agent runs"),
        ("zeta", "it has not said where its agent is", "try again in a second"),
    ],
    ids=["unknown", "dead", "left", "no address"],
)
@pytest.mark.parametrize("cordoned", [True, False])
def test_node_that_cannot_obey_is_not_waited_for(
    one: CordonRound, node: str, why: str, fix: str, cordoned: bool
) -> None:
    refused = refusal(one.ordered("p", order(node, cordoned=cordoned), CLUSTER, 0.0))

    assert refused.what == f"{node} was not {'cordoned' if cordoned else 'uncordoned'}"
    assert refused.why == why
    assert fix in refused.fix
    assert one.tick(TIMEOUT_S) == []


def test_many_names_are_not_all_told(one: CordonRound) -> None:
    many = view(members=(*members(), *(member(f"n{number:02}") for number in range(30))))

    assert refusal(one.ordered("p", order("x"), many, 0.0)).fix.endswith(" and 19 more")


def test_node_that_does_not_obey_says_why(one: CordonRound) -> None:
    change = passed(one.ordered("p", order("beta"), CLUSTER, 0.0))

    told = refusal(
        one.changed(obeyed(change, cordoned=False, why="no space", fix="make room"), CLUSTER)
    )

    assert (told.what, told.why, told.fix) == ("beta was not cordoned", "no space", "make room")


def test_silent_node_is_told_of_when_time_is_up(one: CordonRound) -> None:
    change = passed(one.ordered("p", order("beta"), CLUSTER, 10.0))

    assert one.tick(10.0 + TIMEOUT_S - 0.01) == []
    told = refusal(one.tick(10.0 + TIMEOUT_S))
    assert told.what == "beta may or may not have been cordoned"
    assert "within 2 s" in told.why
    assert "give the order again" in told.fix
    assert one.changed(obeyed(change), CLUSTER) == [Unexpected()]


def test_answer_that_is_not_owed_changes_nothing(one: CordonRound) -> None:
    change = passed(one.ordered("p", order("beta"), CLUSTER, 0.0))

    for wrong in (obeyed(change, number=7), obeyed(change, node="gamma")):
        assert one.changed(wrong, CLUSTER) == [Unexpected()]
    assert len(one.changed(obeyed(change), CLUSTER)) == 1
    assert one.changed(obeyed(change), CLUSTER) == [Unexpected()]


def test_orders_at_once_are_each_answered_to_who_gave_them(one: CordonRound) -> None:
    first = passed(one.ordered("p", order("beta"), CLUSTER, 0.0))
    second = passed(one.ordered("q", order("beta", cordoned=False), CLUSTER, 0.0))

    askers = [
        effect.asker
        for change in (second, first)
        for effect in one.changed(obeyed(change), CLUSTER)
        if isinstance(effect, Tell)
    ]

    assert askers == ["q", "p"]


def test_more_than_so_many_do_not_wait(one: CordonRound) -> None:
    for number in range(ASKERS_MAX):
        passed(one.ordered(f"p{number}", order("beta"), CLUSTER, 0.0))

    assert "64 others wait" in refusal(one.ordered("q", order("beta"), CLUSTER, 0.0), "q").why
    assert len(one.tick(TIMEOUT_S)) == ASKERS_MAX
    passed(one.ordered("q", order("beta"), CLUSTER, TIMEOUT_S))
