"""Which nodes may hold `lb-leader`, and why the others may not."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.traefik.candidate import Candidate, unable
from messages.gossip import NamedNodeState, NodeState
from tests.traefik.builders import view as view_of


def own(**fields: Any) -> NodeState:
    return NodeState(address="10.0.0.1", gossip_port=7946, actor_port=7947, **fields)


ABLE: dict[str, Any] = {
    "is_allowed": True,
    "listens": True,
    "has_routes": True,
    "is_stopping": False,
    "own": own(),
    "ingress": "works",
    "must_work": True,
}


def why_not(**fields: Any) -> str:
    return Candidate(**{**ABLE, **fields}).why_not()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"is_allowed": False}, "the setting leases.lb_leader is false"),
        ({"is_stopping": True}, "its agent stops"),
        ({"listens": False}, "its HTTP listener has no port"),
        ({"has_routes": False}, "it has no routes for its Traefik yet"),
        ({"own": None}, "its own record is not published yet"),
        ({"own": own(cordoned=True)}, "it is cordoned"),
        ({"ingress": "unknown"}, "its entry points have not answered yet"),
        (
            {"ingress": "fails", "ingress_why": "refused", "must_work": False},
            "its ingress fails: refused",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_each_lack_alone_is_the_reason(fields: dict[str, Any], why: str) -> None:
    assert why_not(**fields) == why


def test_node_that_lacks_nothing_is_a_candidate_and_one_without_a_traefik_too() -> None:
    assert why_not() == ""
    assert why_not(ingress="unknown", must_work=False) == ""


def test_nodes_that_say_that_they_will_not_take_it_are_known() -> None:
    states = {
        "alpha": own(ingress="works"),
        "beta": own(ingress="fails"),
        "gamma": own(cordoned=True),
        "delta": own(witness=True),
        "epsilon": own(),
    }

    view = view_of(
        nodes=tuple(NamedNodeState(node=name, state=state) for name, state in states.items())
    )

    assert unable(view) == ("beta", "delta", "gamma")
