"""Explanations: from a name to the instances behind it, and why some get no requests."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.ages import Ages
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.elements import Instance
from constellation.traefik.explanation import Explanation, explain
from messages.gossip import ClusterChanged, RecordName
from messages.routes import BackendRow
from tests.traefik.builders import endpoint, member, node_state, on, snapshot, state, view

ROUTED: dict[str, Any] = {
    "http__routers__App__rule": "Host(`app.example.net`) && PathPrefix(`/x`)",
    "http__routers__App__middlewares": "auth",
    "http__middlewares__auth__basicauth__users": "joe:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
}


def explained(subject: str, seen: ClusterView, **fields: Any) -> Explanation:
    builder = ConfigurationBuilder(settings=TraefikSettings(**fields), domain="example.org")
    made = builder.build(seen)
    return explain(subject, builder.composition, seen, made.rejected, lambda _: 3.0)


@pytest.mark.parametrize(
    "subject", ["app.example.net", "APP.example.net.", "web", "app", "web.example.org"]
)
def test_explain_finds_the_route_by_any_of_its_names(subject: str) -> None:
    seen = view(on("alpha", state(**ROUTED)), on("beta", state(health="unhealthy", **ROUTED)))

    told = explained(subject, seen)

    (route,) = told.routes
    assert (route.router, route.service) == ("App", "web.example.org")
    assert route.middlewares == ("auth", "constellation.retry")
    assert route.defined_by == ("web on alpha", "web on beta")
    assert route.backends == (
        BackendRow(
            service="web",
            node="alpha",
            instance="web",
            address="http://127.0.0.1:8080",
            way="published",
            weight=None,
            serving=True,
            why="",
            changed_ago_s=3.0,
        ),
        BackendRow(
            service="web",
            node="beta",
            instance="web",
            address="http://127.0.0.1:8080",
            way="published",
            weight=None,
            serving=False,
            why="it is unhealthy",
            changed_ago_s=3.0,
        ),
    )
    assert (told.found, told.degraded) == (True, ())


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (view(on("alpha", state(health="starting"))), "it is starting"),
        (
            view(on("alpha", state()), nodes=(node_state("alpha", cordoned=True),)),
            "its node is cordoned",
        ),
        (view(on("beta", state()), members=(member("beta", "dead"),)), "its node is dead"),
        (view(on("beta", state()), members=(member("beta", "left"),)), "its node has left"),
        (view(on("beta", state()), members=()), "its node is not a member of the cluster"),
        (
            view(on("alpha", state().model_copy(update={"draining": True}))),
            "it is draining: it is about to stop",
        ),
    ],
    ids=["health", "cordoned", "dead", "left", "not a member", "draining"],
)
def test_an_instance_that_gets_no_requests_has_a_reason(seen: ClusterView, why: str) -> None:
    told = explained("web", seen)

    assert {backend.why for route in told.routes for backend in route.backends} == {why}
    assert [line.partition(" answers 503")[0] for line in told.degraded] == [
        route.router for route in told.routes
    ]


def test_a_service_whose_routes_were_left_out_is_explained() -> None:
    told = explained("web", view(on("alpha", state(http__routers__x__rule="Host("))))

    assert told.routes == ()
    assert told.degraded == ("no route leads to web", "1 label or instance of web was left out")
    assert told.notes == ("web on alpha (healthy) has no route",)
    assert [row.label for row in told.rejected] == ["traefik.http.routers.x.rule"]


def test_rejections_of_other_services_are_not_shown() -> None:
    seen = view(on("alpha", state()), on("alpha", state("other", http__routers__x__rule="Host(")))

    assert explained("web", seen).rejected == ()


def test_an_unknown_name_gets_similar_names() -> None:
    told = explained("wep.example.org", view(on("alpha", state())))

    assert (told.found, told.routes) == (False, ())
    assert "wep.example.org not found" in told.degraded[0]
    assert told.notes[0] == "similar names are web.example.org, web.alpha.example.org"


def test_a_rule_with_hostregexp_is_found_by_a_matching_host() -> None:
    labels: dict[str, Any] = {"http__routers__x__rule": r"HostRegexp(`^[a-z]+\.example\.net$`)"}
    seen = view(on("alpha", state(**labels)))

    assert [route.router for route in explained("any.example.net", seen).routes] == ["x"]
    assert not explained("4.example.net", seen).found


def test_tcp_and_udp_routers_are_explained() -> None:
    labels: dict[str, Any] = {
        "tcp__routers__db__rule": "HostSNI(`db.example.net`)",
        "tcp__routers__db__tls__passthrough": "true",
        "udp__routers__dns__entrypoints": "dns",
        "udp__services__dns__loadbalancer__server__port": "53",
    }
    found = state(endpoints=(endpoint(5432, 5433),), **labels)
    told = explained("web", view(on("alpha", found)), entry_points=("dns",))

    tcp, *_ = told.routes
    assert (tcp.protocol, tcp.rule, tcp.tls) == ("tcp", "HostSNI(`db.example.net`)", True)
    assert [backend.address for backend in tcp.backends] == ["127.0.0.1:5433"]
    assert "port 53 of the container is not published" in [row.reason for row in told.rejected]


def test_a_service_of_another_provider_is_noted() -> None:
    labels: dict[str, Any] = {
        "http__routers__api__rule": "Host(`traefik.example.net`)",
        "http__routers__api__service": "api@internal",
    }
    told = explained("traefik.example.net", view(on("alpha", state(**labels))))

    assert told.degraded == ()
    assert told.notes[0] == "api: another provider defines its service api@internal"


def test_backends_show_the_weights_that_prefer_the_instance_on_this_node() -> None:
    far = state(endpoints=(endpoint(host="10.0.0.2"),))

    told = explained("app.example.net", view(on("alpha", state(**ROUTED)), on("beta", far)))

    (route,) = told.routes
    assert {(one.node, one.weight) for one in route.backends} == {
        ("alpha", TraefikSettings().local_weight),
        ("beta", 1),
    }


def test_removal_of_an_unknown_record_changes_no_ages() -> None:
    ages, web = Ages(), Instance("web", "alpha", "web")
    ages.record(snapshot(on("alpha", state())), 10.0)
    unknown = RecordName(kind="service", node="beta", key="web")

    for version in (2, 3):
        change = ClusterChanged(
            version=version, snapshot=False, self_node="alpha", removed=(unknown,)
        )
        ages.record(change, 20.0)

    assert ages.age_s(web, 25.0) == 15.0
    assert ages.age_s(Instance("web", "beta", "web"), 25.0) == 0.0


def test_age_counts_from_the_last_change_of_the_record() -> None:
    ages, web = Ages(), Instance("web", "alpha", "web")
    ages.record(snapshot(on("alpha", state())), 10.0)
    ages.record(snapshot(on("alpha", state()), version=2), 20.0)
    assert ages.age_s(web, 25.0) == 15.0

    ages.record(snapshot(on("alpha", state(health="unhealthy")), version=3), 30.0)
    assert ages.age_s(web, 31.0) == 1.0

    gone = RecordName(kind="service", node="alpha", key="web")
    ages.record(ClusterChanged(version=4, snapshot=False, self_node="alpha", removed=(gone,)), 40.0)
    assert ages.age_s(web, 50.0) == 0.0

    returned = on("alpha", state(health="unhealthy"))
    ages.record(
        ClusterChanged(version=5, snapshot=False, self_node="alpha", services=(returned,)), 60.0
    )
    assert ages.age_s(web, 61.0) == 1.0


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|a)" * 30 + "b", "(?:a?){20}a{20}b", "a*a*a*b"])
def test_an_expression_that_could_backtrack_exponentially_is_not_tried(pattern: str) -> None:
    hostile: dict[str, Any] = {"http__routers__Evil__rule": f"HostRegexp(`{pattern}`)"}
    told = explained("a" * 60 + ".example.org", view(on("alpha", state(**hostile))))
    assert not told.found
    assert "1 rules with HostRegexp were not tried: matching could take too long" in told.notes


def test_an_ordinary_regular_expression_is_matched() -> None:
    usual: dict[str, Any] = {
        "http__routers__App__rule": "HostRegexp(`^(www|app)\\.[a-z0-9-]+\\.example\\.org$`)"
    }
    told = explained("app.my-own.example.org", view(on("alpha", state(**usual))))
    assert [route.router for route in told.routes] == ["App"]


@pytest.mark.parametrize("subject", ["web", "web.example.org"])
def test_a_failover_router_is_explained_with_the_instances_behind_it(subject: str) -> None:
    far = state(endpoints=(endpoint(host="10.0.0.2"),))
    told = explained(
        subject,
        view(on("alpha", state()), on("beta", far)),
        version="3.7",
        local_preference="failover",
    )

    failover = [route for route in told.routes if route.router == "web.example.org._failover"]
    assert [route.defined_by for route in failover] == [("web on alpha", "web on beta")]
    assert [one.node for route in failover for one in route.backends] == ["alpha", "beta"]
    assert told.degraded == ()
