"""If several instances define one name, the newest deployment wins."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from constellation.traefik.elements import (
    ENTRY_POINT,
    Author,
    Contribution,
    Element,
    ElementKey,
    Instance,
    Owner,
    Router,
    Service,
    Wish,
)
from constellation.traefik.merging import conflicts, winner_of

KEY = ElementKey("http", "routers", "x")


def brings(element: Element, node: str = "alpha", created_at_utc_s: float = 0.0) -> Contribution:
    return Contribution(
        Instance("web", node, "web"), created_at_utc_s, element, Author(Owner("web"))
    )


def router(rule: str) -> Router:
    return Router({"rule": rule}, "web")


def test_the_newest_deployment_wins_in_any_order() -> None:
    three = [brings(router(str(n)), "abc"[n], float(n)) for n in range(3)]

    assert {winner_of(KEY, order).created_at_utc_s for order in permutations(three)} == {2.0}


def test_two_deployments_in_the_same_second_have_the_same_winner_everywhere() -> None:
    two = [brings(router("a"), "alpha"), brings(router("b"), "beta")]

    assert winner_of(KEY, two) == winner_of(KEY, two[::-1]) == two[1]


def test_an_entry_point_for_one_service_is_not_taken_over_by_a_later_deployment() -> None:
    key = ElementKey("tcp", "routers", "redis", ENTRY_POINT)
    first = Contribution(
        Instance("cache", "beta", "cache"), 1.0, Router({}, "cache"), Author(Owner("cache"))
    )
    later = Contribution(
        Instance("queue", "alpha", "queue"), 2.0, Router({}, "queue"), Author(Owner("queue"))
    )

    assert winner_of(key, [later, first]) == first
    (told,) = conflicts(key, [later, first], first)
    assert (told.service, told.label) == ("queue", "")
    assert told.reason == "cache on beta already has the entry point redis"


def test_each_differing_instance_is_rejected_with_the_winner() -> None:
    winner = brings(router("new"), "beta", 2.0)
    rejected = conflicts(
        KEY, [brings(router("old")), brings(router("new"), "gamma"), winner], winner
    )

    assert [(item.node, item.label) for item in rejected] == [("alpha", "traefik.http.routers.x")]
    assert "web on beta" in rejected[0].reason


def test_services_may_only_differ_in_how_each_instance_is_reached() -> None:
    key = ElementKey("http", "services", "x")
    balanced: dict[str, Any] = {"loadBalancer": {}}
    winner = brings(Service(balanced, Wish(port=80)))
    other_port = brings(Service(balanced, Wish(port=81)), "beta")
    other_config = brings(Service({"loadBalancer": {"passHostHeader": False}}, Wish()), "gamma")
    other_middlewares = brings(Service(balanced, Wish(), ("auth",)), "delta")

    rejected = conflicts(key, [winner, other_port, other_config, other_middlewares], winner)

    assert [item.node for item in rejected] == ["gamma", "delta"]
