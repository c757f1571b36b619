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
from messages.gossip import ClusterChanged, NodeServiceState, RecordName
from messages.routes import BackendRow, NodeTrouble
from messages.wellness import Trouble
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


@pytest.mark.parametrize("subject", ["app.example.net", "APP.example.net.", "web", "app"])
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
    assert told.degraded == (
        "no route leads to web",
        "1 label of web rejected: see `constellation rejected`",
    )
    assert told.notes == ("web on alpha (healthy) has no route",)
    assert [row.label for row in told.rejected] == ["traefik.http.routers.x.rule"]


def test_rejections_of_other_services_are_not_shown() -> None:
    seen = view(on("alpha", state()), on("alpha", state("other", http__routers__x__rule="Host(")))

    assert explained("web", seen).rejected == ()


def test_an_unknown_name_gets_similar_names() -> None:
    told = explained("wep.example.org", view(on("alpha", state())))

    assert (told.found, told.routes) == (False, ())
    assert told.degraded == ("no router matches wep.example.org: Traefik answers 404",)
    assert told.notes[0] == "similar names are web.example.org"


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
    assert any(note.startswith("1 rule with HostRegexp not tried: ") for note in told.notes)


def test_an_ordinary_regular_expression_is_matched() -> None:
    usual: dict[str, Any] = {
        "http__routers__App__rule": "HostRegexp(`^(www|app)\\.[a-z0-9-]+\\.example\\.org$`)"
    }
    told = explained("app.my-own.example.org", view(on("alpha", state(**usual))))
    assert [route.router for route in told.routes] == ["App"]


@pytest.mark.case("O1")
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


# Which router gets the requests for a host name.


def routed(rule: str, name: str = "web", node: str = "alpha", **more: Any) -> NodeServiceState:
    router: dict[str, Any] = {f"http__routers__{name}__rule": rule}
    return on(node, state(name, endpoints=(endpoint(port=8000 + len(name)),), **router, **more))


def test_catch_all_gets_the_requests_that_no_other_router_takes() -> None:
    seen = view(routed("PathPrefix(`/`)", "all"), routed("Host(`a.example.net`)", "own"))

    assert [one.router for one in explained("a.example.net", seen).routes] == ["own"]
    assert [one.router for one in explained("b.example.net", seen).routes] == ["all"]
    assert explained("b.example.net", seen).degraded == ()


def test_router_behind_one_that_takes_everything_is_shown_with_it() -> None:
    first = routed("Host(`a.example.net`)", "first", http__routers__first__priority="1000")
    second = routed("Host(`a.example.net`) && PathPrefix(`/x`)", "second")

    told = explained("a.example.net", view(first, second))

    assert [(one.router, one.before) for one in told.routes] == [
        ("first", ""), ("second", "first"),
    ]  # fmt: skip


def test_instances_of_a_router_that_gets_no_requests_are_no_reason_to_complain() -> None:
    ill = state(
        "old",
        health="unhealthy",
        http__routers__old__rule="Host(`a.example.net`)",
        http__routers__old__priority="1",
    )
    seen = view(on("alpha", ill), routed("Host(`a.example.net`)", "new"))

    assert explained("a.example.net", seen).degraded == ()
    line = "old answers 503: no instance of old.example.org gets requests"
    assert line in explained("old", seen).degraded


def test_routers_of_one_priority_are_noted() -> None:
    seen = view(routed("Host(`a.example.net`)", "x"), routed("Host(`a.example.net`)", "y"))

    told = explained("a.example.net", seen)

    assert "y and x match with the same priority: Traefik chooses one of them" in told.notes


def test_label_of_another_element_is_no_reason_to_complain_about_a_host() -> None:
    wrong = {"http__routers__other__rule": "Host(`b.example.net`"}

    told = explained("a.example.net", view(routed("Host(`a.example.net`)", **wrong)))

    assert told.degraded == ()
    assert [row.label for row in told.rejected] == ["traefik.http.routers.other.rule"]


# Host names that only labels without effect ask for.


@pytest.mark.case("O6")
def test_host_that_only_a_rejected_label_names_is_found_with_the_reason() -> None:
    seen = view(routed("Host(`blog.example.net`) && Path(`x`)", "blog"), on("alpha", state("shop")))

    told = explained("blog.example.net", seen)

    assert told.found
    nowhere, why = told.degraded
    assert nowhere == "no router matches blog.example.net: Traefik answers 404"
    assert why.startswith(
        "the label traefik.http.routers.blog.rule of blog on alpha asks for blog.example.net, but "
        "is rejected: Path needs a path that starts with"
    )
    assert [row.service for row in told.rejected] == ["blog"]
    assert not [note for note in told.notes if "similar" in note]


@pytest.mark.case("O6", "R5")
@pytest.mark.parametrize(
    ("rule", "host", "remedy"),
    [
        ("HostRegexp(`{sub:[a-z]+}.example.net`)", "x.example.net", r"`^[a-z]+\.example\.net$`"),
        ("Host(`x.example.net:8443`)", "x.example.net", "write Host(`x.example.net`)"),
    ],
)
def test_rule_that_never_matches_the_host_that_it_means_is_named(
    rule: str, host: str, remedy: str
) -> None:
    wrong: dict[str, Any] = {"http__router__other__rule": "Host(`z.example.net`)"}
    told = explained(host, view(routed(rule, "blog", **wrong)))

    (_, why) = told.degraded
    assert f"asks for {host}, but will not work: Host" in why
    assert remedy in why


@pytest.mark.case("O6")
def test_router_left_out_for_another_label_of_it_is_named_with_that_label() -> None:
    lacks = {"http__routers__blog__middlewares": "nothing"}

    (_, why) = explained(
        "blog.example.net", view(routed("Host(`blog.example.net`)", "blog", **lacks))
    ).degraded

    assert "but is rejected: the middleware 'nothing'" in why


@pytest.mark.case("O6")
def test_host_of_a_container_that_is_not_watched_is_found_with_the_reason() -> None:
    trouble = Trouble(
        kind="unwatched",
        subject="blog",
        what="container blog is not watched",
        why="it has the label traefik.enabled",
        fix="write traefik.enable",
        hosts=("blog.example.net",),
    )
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    seen = view(on("alpha", state()))
    made = builder.build(seen)

    told = explain(
        "blog.example.net", builder.composition, seen, made.rejected, lambda _: 0.0,
        [NodeTrouble(node="beta", trouble=trouble)],
    )  # fmt: skip

    assert told.found
    assert told.degraded[1] == (
        "container blog is not watched on beta: it has the label traefik.enabled; write "
        "traefik.enable"
    )


@pytest.mark.case("O6")
def test_names_that_share_only_the_domain_are_not_suggested() -> None:
    told = explained("blog.example.org", view(on("alpha", state("shop"))))

    assert not [note for note in told.notes if "similar" in note]


def test_part_of_a_longer_host_name_is_not_asked_for() -> None:
    seen = view(routed("Host(`my-blog.example.net`) && Path(`x`)", "blog"))

    assert not explained("blog.example.net", seen).found
    assert not explained("example.net", seen).found


def test_service_without_a_default_host_is_found_by_it() -> None:
    told = explained("web.example.org", view(routed("Host(`a.example.net`)")))

    assert told.found
    assert told.degraded == ("no router matches web.example.org: Traefik answers 404",)
    assert [route.router for route in told.routes] == ["web"]


def test_routers_of_one_name_that_were_kept_apart_are_noted_too() -> None:
    pasted: dict[str, Any] = {"http__routers__app__rule": "Host(`a.example.net`)"}
    seen = view(on("alpha", state("x", **pasted)), on("alpha", state("y", **pasted)))

    told = explained("a.example.net", seen)

    assert [note for note in told.notes if "chooses one of them" in note] != []
