"""References to elements of this configuration, by alias, and of other providers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.elements import ElementKey, Middleware
from constellation.traefik.references import (
    CHAIN_DEPTH_MAX,
    ResolvedMiddleware,
    missing_of,
    references_of,
)
from messages.gossip import NodeServiceState
from tests.traefik.builders import on, state, view


def build(*services: NodeServiceState) -> DynamicConfiguration:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    return builder.build(view(*services))


def section(made: DynamicConfiguration, name: str) -> dict[str, Any]:
    return dict(json.loads(made.body)["http"].get(name, {}))


def router(service: str = "web", **labels: Any) -> NodeServiceState:
    return on("alpha", state(service, http__routers__x__rule="Host(`a`)", **labels))


@pytest.mark.parametrize(
    ("said", "service"),
    [
        ("api", "api.example.org"),
        ("API", "api.example.org"),
        ("api@docker", "api.example.org"),
        ("y", "y"),
        ("y@swarm", "y"),
        ("y@http", "y"),
        ("page@file", "page@file"),
    ],
)
def test_a_service_is_found_by_name_by_host_and_with_at_docker(said: str, service: str) -> None:
    made = build(
        router(http__routers__x__service=said),
        on("alpha", state("api")),
        on("alpha", state("other", http__services__y__loadbalancer__server__port="80")),
    )

    assert section(made, "routers")["x"]["service"] == service


@pytest.mark.parametrize("said", ["nowhere", "nowhere@docker"])
def test_a_router_to_a_missing_service_is_left_out(said: str) -> None:
    made = build(router(http__routers__x__service=said))

    assert "x" not in section(made, "routers")
    assert [item.label for item in made.rejected] == ["traefik.http.routers.x.service"]


@pytest.mark.parametrize(
    ("said", "names"),
    [("m", ["m"]), ("m@docker", ["m"]), ("m,gzip@file,m", ["m", "gzip@file", "m"])],
)
@pytest.mark.case("R17")
def test_a_middleware_is_found_with_at_docker_and_used_as_often_as_it_is_named(
    said: str, names: list[str]
) -> None:
    made = build(
        router(http__routers__x__middlewares=said, http__middlewares__m__addprefix__prefix="/a")
    )

    assert section(made, "routers")["x"]["middlewares"] == [*names, "constellation.retry"]


def test_a_service_of_another_provider_gets_no_retry_middleware() -> None:
    made = build(router(http__routers__x__service="page@file"))

    assert "middlewares" not in section(made, "routers")["x"]


def test_every_router_to_a_service_has_its_middlewares() -> None:
    named: dict[str, Any] = {
        "http__services__y__middlewares": "m@docker",
        "http__services__y__loadbalancer__server__port": "80",
        "http__middlewares__m__addprefix__prefix": "/a",
    }
    made = build(
        on("alpha", state("owner", **named)),
        router(http__routers__x__service="y", http__routers__x__middlewares="gzip@file"),
    )

    routers = section(made, "routers")
    assert routers["x"]["middlewares"] == ["gzip@file", "m", "constellation.retry"]
    assert routers["owner.example.org"]["middlewares"] == ["m", "constellation.retry"]
    assert "middlewares" not in section(made, "services")["y"]


def test_a_service_with_a_missing_middleware_is_not_reached() -> None:
    made = build(
        on(
            "alpha",
            state(
                http__services__y__middlewares="auth",
                http__services__y__loadbalancer__server__port="80",
            ),
        )
    )

    assert section(made, "routers") == {}
    assert {item.reason for item in made.rejected} == {
        "the middleware 'auth' is not defined, or was left out"
    }


def test_an_error_page_names_its_service_as_in_the_body() -> None:
    made = build(
        router(
            http__middlewares__m__errors__service="api@docker",
            http__middlewares__m__errors__status="500",
        ),
        on("alpha", state("api")),
    )

    assert section(made, "middlewares")["m"]["errors"]["service"] == "api.example.org"


def chain(*names: str) -> Middleware:
    return Middleware({"chain": {"middlewares": list(names)}})


@pytest.mark.parametrize(
    ("middlewares", "wrong"),
    [
        ({"a": chain("b@file")}, ""),
        ({"a": chain("b"), "b": Middleware({"compress": {}})}, ""),
        ({"a": chain("b")}, "'b' is not defined"),
        ({"a": chain("a")}, "'a' contains itself"),
        ({"a": chain("b"), "b": chain("c"), "c": chain("a")}, "contains itself"),
        ({"a": Middleware({"errors": {"service": "s"}})}, "no service s"),
        ({}, "'a' is not defined"),
        (
            {"a": chain("0")}
            | {str(n): chain(str(n + 1)) for n in range(CHAIN_DEPTH_MAX)}
            | {str(CHAIN_DEPTH_MAX): Middleware({"compress": {}})},
            "nested deeper",
        ),
    ],
)
def test_a_missing_reference_of_a_middleware_is_named(
    middlewares: dict[str, Middleware], wrong: str
) -> None:
    by_key = {
        ElementKey("http", "middlewares", name): ResolvedMiddleware(
            one.config, references_of("http", one)
        )
        for name, one in middlewares.items()
    }

    found = missing_of(
        ElementKey("http", "middlewares", "a"), by_key, lambda key: f"no service {key.name}"
    )

    assert wrong in found
    assert bool(found) is bool(wrong)
