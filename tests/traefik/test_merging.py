"""One name that several instances define is the newest deployment's, and the others are told."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from constellation.traefik.elements import (
    Contribution,
    Element,
    ElementKey,
    Instance,
    Router,
    Service,
    Wish,
)
from constellation.traefik.merging import conflicts, newest

KEY = ElementKey("http", "routers", "x")


def brings(element: Element, node: str = "alpha", created_at_utc_s: float = 0.0) -> Contribution:
    return Contribution(Instance("web", node), created_at_utc_s, element)


def router(rule: str) -> Router:
    return Router({"rule": rule}, "web")


def test_the_newest_deployment_wins_in_any_order() -> None:
    three = [brings(router(str(n)), "abc"[n], float(n)) for n in range(3)]

    assert {newest(order).created_at_utc_s for order in permutations(three)} == {2.0}


def test_of_two_deployments_of_one_second_every_node_takes_the_same() -> None:
    two = [brings(router("a"), "alpha"), brings(router("b"), "beta")]

    assert newest(two) == newest(reversed(two)) == two[1]


def test_each_that_differs_is_told_who_won() -> None:
    winner = brings(router("new"), "beta", 2.0)
    rejected = conflicts(
        KEY, [brings(router("old")), brings(router("new"), "gamma"), winner], winner
    )

    assert [(item.node, item.label) for item in rejected] == [("alpha", "traefik.http.routers.x")]
    assert "web on beta" in rejected[0].reason


def test_services_may_differ_in_how_each_instance_is_reached_and_in_nothing_else() -> None:
    key = ElementKey("http", "services", "x")
    balanced: dict[str, Any] = {"loadBalancer": {}}
    winner = brings(Service(balanced, Wish(port=80)))
    other_port = brings(Service(balanced, Wish(port=81)), "beta")
    other_config = brings(Service({"loadBalancer": {"passHostHeader": False}}, Wish()), "gamma")
    other_middlewares = brings(Service(balanced, Wish(), ("auth",)), "delta")

    rejected = conflicts(key, [winner, other_port, other_config, other_middlewares], winner)

    assert [item.node for item in rejected] == ["gamma", "delta"]
