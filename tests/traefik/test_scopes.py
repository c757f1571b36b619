"""If several services define one name, each uses its own definition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.explanation import explain
from messages.gossip import NodeServiceState
from tests.traefik.builders import on, snapshot, state

AUTH = "http__middlewares__auth__"


def guarded(
    service: str, *, auth: str | None = "basicauth__users", **more: Any
) -> NodeServiceState:
    values = {
        "basicauth__users": "joe:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
        "addprefix__prefix": "/x",
    }
    labels: dict[str, Any] = {
        f"http__routers__{service}__rule": f"Host(`{service}.example.net`)",
        f"http__routers__{service}__middlewares": "auth",
        **({AUTH + auth: values[auth]} if auth else {}),
        **more,
    }
    return on("alpha", state(service, **labels))


def made(*services: NodeServiceState) -> DynamicConfiguration:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    return builder.build(ClusterView().apply(snapshot(*services)))


def http(configuration: DynamicConfiguration) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(configuration.body)["http"]
    return found


def test_a_router_uses_the_middlewares_of_its_own_labels() -> None:
    found = http(made(guarded("grafana"), guarded("stranger", auth="addprefix__prefix")))

    first, *_ = found["routers"]["grafana"]["middlewares"]
    assert found["middlewares"][first] == {
        "basicAuth": {"users": ["joe:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"]}
    }
    other, *_ = found["routers"]["stranger"]["middlewares"]
    assert found["middlewares"][other] == {"addPrefix": {"prefix": "/x"}}
    assert "auth" not in found["middlewares"]


def test_equal_definitions_are_one_middleware() -> None:
    found = http(made(guarded("grafana"), guarded("wiki")))

    assert sorted(found["middlewares"]) == ["auth", "constellation.retry"]


def test_a_router_with_an_ambiguous_middleware_is_left_out() -> None:
    seen = made(
        guarded("grafana"),
        guarded("stranger", auth="addprefix__prefix"),
        guarded("wiki", auth=None),
    )

    assert "wiki" not in http(seen)["routers"]
    (rejection,) = seen.rejected
    assert (rejection.service, rejection.label) == ("wiki", "traefik.http.routers.wiki.middlewares")
    assert "several services define the middleware 'auth'" in rejection.reason


def test_a_chain_contains_the_middlewares_of_its_own_labels() -> None:
    chain = {"http__middlewares__all__chain__middlewares": "auth"}
    through = {"http__routers__{}__middlewares": "all"}
    services = [
        guarded(name, auth=auth, **chain, **{key.format(name): v for key, v in through.items()})
        for name, auth in (("grafana", "basicauth__users"), ("stranger", "addprefix__prefix"))
    ]
    found = http(made(*services))

    for name, kind in (("grafana", "basicAuth"), ("stranger", "addPrefix")):
        first, *_ = found["routers"][name]["middlewares"]
        (link,) = found["middlewares"][first]["chain"]["middlewares"]
        assert list(found["middlewares"][link]) == [kind]


def test_a_later_deployment_of_another_service_does_not_replace_a_router() -> None:
    def routed(service: str, rule: str, created_at_utc_s: float) -> NodeServiceState:
        labels: dict[str, Any] = {"http__routers__web__rule": rule}
        made_ = state(service, **labels)
        return on("alpha", made_.model_copy(update={"created_at_utc_s": created_at_utc_s}))

    old, new = routed("old", "Host(`old.example.net`)", 1.0), routed("new", "Host(`x`)", 2.0)
    seen = made(old, new)

    rules = {router["rule"]: router["service"] for router in http(seen)["routers"].values()}
    assert rules == {
        "Host(`old.example.net`)": "old.example.org",
        "Host(`x`)": "new.example.org",
    }
    assert seen.rejected == ()


@pytest.mark.parametrize("order", [(0, 1, 0), (1, 0, 1)])
def test_definitions_split_and_merge_as_services_come_and_go(order: tuple[int, ...]) -> None:
    chain = {"http__middlewares__all__chain__middlewares": "auth"}
    alone = (guarded("grafana", **chain, http__routers__grafana__middlewares="all"),)
    both = (*alone, guarded("stranger", auth="addprefix__prefix"))
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")

    for number in order:
        services = (alone, both)[number]
        assert builder.build(ClusterView().apply(snapshot(*services))) == made(*services)


def test_explain_finds_split_routers_by_their_name_in_labels() -> None:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    labels: list[dict[str, Any]] = [
        {"http__routers__web__rule": f"Host(`{name}`)"} for name in ("a", "b")
    ]
    seen = ClusterView().apply(
        snapshot(*(on("alpha", state(f"s{n}", **one)) for n, one in enumerate(labels)))
    )
    rejected = builder.build(seen).rejected

    told = explain("web", builder.composition, seen, rejected, lambda _: 0.0)
    of_one = explain("s1", builder.composition, seen, rejected, lambda _: 0.0)

    assert [route.defined_by for route in told.routes] == [("s0 on alpha",), ("s1 on alpha",)]
    assert [route.rule for route in of_one.routes] == ["Host(`b`)"]


def led_to(*, auth: str | None = None) -> NodeServiceState:
    """Return a container whose router leads to the service `s` of another container."""
    labels: dict[str, Any] = {
        "http__routers__r__rule": "Host(`r.example.net`)",
        "http__routers__r__service": "s",
        **({AUTH + auth: "/mine"} if auth else {}),
    }
    return on("beta", state("router-owner", **labels))


def owner_of_s(middlewares: str, **more: Any) -> NodeServiceState:
    labels: dict[str, Any] = {
        "http__services__s__loadbalancer__server__port": "80",
        "http__services__s__middlewares": middlewares,
        AUTH + "basicauth__users": "joe:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
        **more,
    }
    return on("alpha", state("service-owner", **labels))


def guards(configuration: DynamicConfiguration, router: str = "r") -> list[Any]:
    """Return the middlewares of a router, as they are defined in the body."""
    found = http(configuration)
    return [found["middlewares"][name] for name in found["routers"][router]["middlewares"]][:-1]


BASIC = {"basicAuth": {"users": ["joe:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"]}}


def test_a_service_uses_the_middlewares_of_its_owner_not_of_the_router_owner() -> None:
    seen = made(led_to(auth="addprefix__prefix"), owner_of_s("auth"))

    assert guards(seen) == [BASIC]


def test_a_chain_on_a_service_uses_the_middlewares_of_its_owner() -> None:
    chain = {"http__middlewares__all__chain__middlewares": "auth"}
    seen = made(led_to(auth="addprefix__prefix"), owner_of_s("all", **chain))

    (through,) = guards(seen)
    (link,) = through["chain"]["middlewares"]
    assert http(seen)["middlewares"][link] == BASIC


def test_a_router_is_left_out_if_the_middleware_of_its_service_is_ambiguous() -> None:
    unguarded = owner_of_s("auth").state
    labels = tuple(one for one in unguarded.labels if "middlewares.auth" not in one.name)
    seen = made(
        on("alpha", unguarded.model_copy(update={"labels": labels})),
        led_to(auth="addprefix__prefix"),
        guarded("grafana"),
    )

    assert "r" not in http(seen)["routers"]
    assert "several services define the middleware 'auth'" in seen.rejected[0].reason
