"""Elements that labels do not name are named by host names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.elements import Author, Instance, Owner
from constellation.traefik.instance_plan import plan_instance, planned
from constellation.traefik.naming import name_elements
from messages.gossip import NodeServiceState
from tests.traefik.builders import on, state, view

DEFAULT = {"web.example.org", "web.alpha.example.org"}


def build(*services: NodeServiceState, **fields: Any) -> DynamicConfiguration:
    builder = ConfigurationBuilder(settings=TraefikSettings(**fields), domain="example.org")
    return builder.build(view(*services))


def ports(*services: str) -> dict[str, Any]:
    return {f"http__services__{name}__loadbalancer__server__port": "80" for name in services}


def routers(made: DynamicConfiguration) -> dict[str, str]:
    found = json.loads(made.body)["http"].get("routers", {})
    return {name: router["service"] for name, router in found.items()}


@pytest.mark.parametrize(
    ("default_routes", "is_routed", "expected"),
    [
        ("unrouted", False, DEFAULT),
        ("unrouted", True, {"x"}),
        ("all", False, DEFAULT),
        ("all", True, {"x", *DEFAULT}),
        ("none", False, set()),
        ("none", True, {"x"}),
    ],
)
def test_which_services_have_default_routes(
    default_routes: str, is_routed: bool, expected: set[str]
) -> None:
    labels: dict[str, Any] = {"http__routers__x__rule": "Host(`a`)"} if is_routed else {}

    made = build(on("alpha", state(**labels)), default_routes=default_routes)

    assert set(routers(made)) == expected


def test_a_wrong_router_does_not_give_its_service_a_default_route() -> None:
    made = build(on("alpha", state(http__routers__x__rule="Host(")))

    assert routers(made) == {}


def test_default_routes_lead_to_the_only_service_in_labels() -> None:
    made = build(on("alpha", state(**ports("y"))))

    assert routers(made) == {
        "web.example.org": "y",
        "web.alpha.example.org": "web.alpha.example.org",
    }


def test_several_services_get_no_default_routes_and_a_rejection() -> None:
    made = build(on("alpha", state(**ports("y", "z"))))

    assert routers(made) == {}
    assert [item.label for item in made.rejected] == ["traefik.http.services"]


def test_a_router_without_a_rule_matches_the_default_host() -> None:
    made = build(on("alpha", state(http__routers__x__priority="3")))

    rule = json.loads(made.body)["http"]["routers"]["x"]["rule"]
    assert rule == "Host(`web.example.org`)"


def test_a_node_with_an_invalid_host_name_has_no_route_of_its_own() -> None:
    made = build(on("Bad.Node", state()))

    assert set(routers(made)) == {"web.example.org"}
    assert ["is not a valid host name" in item.reason for item in made.rejected] == [True]


def test_a_service_without_a_host_name_keeps_the_routers_of_its_labels() -> None:
    labels: dict[str, Any] = {"http__routers__x__rule": "Host(`a`)", **ports("x")}

    made = build(on("alpha", state("\u00e9t\u00e9", **labels)))

    assert routers(made) == {"x": "x"}
    assert ["cannot be part of a host name" in item.reason for item in made.rejected] == [True]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, set()),
        (ports("x"), {"http services x"}),
        ({"http__routers__x__rule": "Host(`a`)"}, set()),
        ({"http__routers__x__service": "x", **ports("x")}, {"http services x"}),
        (
            {"http__routers__x__rule": "Host(`a`)", **ports("x")},
            {"http services x", "http routers x"},
        ),
    ],
    ids=["no labels", "service", "rule", "service and router", "service and rule"],
)
@pytest.mark.parametrize("image", ["app", "redis"])
def test_an_instance_without_a_host_name_contributes_only_what_its_labels_name(
    image: str, labels: dict[str, Any], expected: set[str]
) -> None:
    plan = plan_instance(
        planned(state(**labels).model_copy(update={"image": image})),
        TraefikSettings(entry_points=("redis",)),
    )

    named = name_elements(
        Instance("web", "alpha", "web"), Author(Owner("web")), plan, 0.0, "", "example.org"
    )

    found = {f"{key.protocol} {key.section} {key.name}" for key in named.contributions}
    assert (found, named.rejected) == (expected, ())
