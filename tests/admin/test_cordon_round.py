"""Orders to cordon nodes: which are passed on, what operators are answered, and the timeout."""

from __future__ import annotations

import pytest

from constellation.admin.cordon_round import TIMEOUT_S, CordonRound, Effect, PassOn
from constellation.admin.round import ASKERS_MAX, Answer, Unexpected
from messages.admin import (
    CordonChange,
    CordonChanged,
    CordonOrder,
    CordonReport,
)
from messages.operator import RequestRefused
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


def carried_out(change: CordonChange, **fields: object) -> CordonChanged:
    known = change.model_dump() | {"was_already": False} | fields
    return CordonChanged.model_validate(known)


def refusal(effects: list[Effect], asker: str = "p") -> RequestRefused:
    (effect,) = effects
    assert isinstance(effect, Answer)
    assert effect.asker == asker
    assert isinstance(effect.message, RequestRefused)
    return effect.message


@pytest.mark.parametrize("node", ["alpha", "beta", "gamma"], ids=["itself", "alive", "suspect"])
def test_order_is_passed_on_and_its_outcome_reported(one: CordonRound, node: str) -> None:
    change = passed(one.ordered("p", order(node), CLUSTER, 0.0))

    (told,) = one.changed(carried_out(change), CLUSTER, 0.0)

    assert (change.node, change.cordoned, change.reason) == (node, True, "kernel upgrade")
    assert isinstance(told, Answer)
    assert isinstance(told.message, CordonReport)
    assert (told.asker, told.message.node, told.message.reason) == ("p", node, "kernel upgrade")
    assert one.tick(CLUSTER, TIMEOUT_S) == []


@pytest.mark.parametrize(
    ("node", "why", "fix"),
    [
        ("eta", "no node named eta", "the nodes are: alpha, beta, delta, epsilon, gamma, zeta"),
        ("delta", "it is dead and answers nobody", "repeat the order once its agent runs"),
        ("epsilon", "it has left the cluster", "repeat the order once its agent runs"),
        ("zeta", "the address of its agent is not known yet", "retry in a second"),
    ],
    ids=["unknown", "dead", "left", "no address"],
)
@pytest.mark.parametrize("cordoned", [True, False])
def test_node_that_cannot_carry_out_an_order_is_not_waited_for(
    one: CordonRound, node: str, why: str, fix: str, cordoned: bool
) -> None:
    refused = refusal(one.ordered("p", order(node, cordoned=cordoned), CLUSTER, 0.0))

    assert refused.what == f"cannot {'cordon' if cordoned else 'uncordon'} {node}"
    assert refused.why == why
    assert fix in refused.fix
    assert one.tick(CLUSTER, TIMEOUT_S) == []


def test_refusal_lists_only_the_first_of_many_names(one: CordonRound) -> None:
    many = view(members=(*members(), *(member(f"n{number:02}") for number in range(30))))

    assert refusal(one.ordered("p", order("x"), many, 0.0)).fix.endswith(" and 19 more")


def test_refusal_by_the_node_is_reported_with_its_reason(one: CordonRound) -> None:
    change = passed(one.ordered("p", order("beta"), CLUSTER, 0.0))

    told = refusal(
        one.changed(
            carried_out(change, cordoned=False, why="no space", fix="make room"), CLUSTER, 0.0
        )
    )

    assert (told.what, told.why, told.fix) == ("cannot cordon beta", "no space", "make room")


def test_silent_node_is_reported_after_the_timeout(one: CordonRound) -> None:
    change = passed(one.ordered("p", order("beta"), CLUSTER, 10.0))

    assert one.tick(CLUSTER, 10.0 + TIMEOUT_S - 0.01) == []
    told = refusal(one.tick(CLUSTER, 10.0 + TIMEOUT_S))
    assert told.what == "it is not known whether the order took effect: cordon beta"
    assert "within 2 s" in told.why
    assert "repeat the order" in told.fix
    assert one.changed(carried_out(change), CLUSTER, 0.0) == [Unexpected()]


def test_answer_that_nobody_expects_changes_nothing(one: CordonRound) -> None:
    change = passed(one.ordered("p", order("beta"), CLUSTER, 0.0))

    for wrong in (carried_out(change, number=7), carried_out(change, node="gamma")):
        assert one.changed(wrong, CLUSTER, 0.0) == [Unexpected()]
    assert len(one.changed(carried_out(change), CLUSTER, 0.0)) == 1
    assert one.changed(carried_out(change), CLUSTER, 0.0) == [Unexpected()]


def test_concurrent_orders_are_each_answered_to_their_operator(one: CordonRound) -> None:
    first = passed(one.ordered("p", order("beta"), CLUSTER, 0.0))
    second = passed(one.ordered("q", order("beta", cordoned=False), CLUSTER, 0.0))

    askers = [
        effect.asker
        for change in (second, first)
        for effect in one.changed(carried_out(change), CLUSTER, 0.0)
        if isinstance(effect, Answer)
    ]

    assert askers == ["q", "p"]


def test_orders_beyond_the_limit_are_refused(one: CordonRound) -> None:
    for number in range(ASKERS_MAX):
        passed(one.ordered(f"p{number}", order("beta"), CLUSTER, 0.0))

    assert "64 orders" in refusal(one.ordered("q", order("beta"), CLUSTER, 0.0), "q").why
    assert len(one.tick(CLUSTER, TIMEOUT_S)) == ASKERS_MAX
    passed(one.ordered("q", order("beta"), CLUSTER, TIMEOUT_S))
