"""The hop to another node's Traefik, as the body describes it; `test_real_hop` asks real ones."""

from __future__ import annotations

from typing import Any

import pytest

from messages.gossip import NodeServiceState
from tests.traefik.builders import member, on
from tests.traefik.test_service_parts import build, configuration, hidden, published

TO_PAGES = "constellation.to.pages"
ERRORS = {
    "http__routers__app__rule": "Host(`app.example.org`)",
    "http__routers__app__middlewares": "err",
    "http__middlewares__err__errors__status": "500-599",
    "http__middlewares__err__errors__service": "pages",
    "http__middlewares__err__errors__query": "/{status}",
}


def pages() -> NodeServiceState:
    return on(
        "beta", hidden(service="pages", http__services__pages__loadbalancer__server__port="80")
    )


def service(**options: Any) -> dict[str, Any]:
    return {f"http__services__web__loadbalancer__{name}": value for name, value in options.items()}


@pytest.mark.case("R13")
def test_a_service_behind_the_hop_names_itself_whoever_refers_to_it() -> None:
    made = build(
        on("alpha", published("10.0.0.1", service="app", **ERRORS)), pages(), version="3.7"
    )

    assert made["middlewares"]["err"]["errors"]["service"] == "pages"
    assert made["services"]["pages"]["middlewares"] == [TO_PAGES]
    assert TO_PAGES not in made["routers"]["app"]["middlewares"]


@pytest.mark.case("R13")
def test_only_instances_behind_the_hop_see_their_service_named() -> None:
    made = build(*mixed(), version="3.7")["services"]

    parts = made["web.example.org"]["weighted"]["services"]
    assert [part["name"] for part in parts] == ["web.example.org._direct", "web.example.org._hop"]
    assert [part["weight"] for part in parts] == [2, 1]
    assert "middlewares" not in made["web.example.org._direct"]
    assert made["web.example.org._hop"]["middlewares"] == ["constellation.to.web.example.org"]


@pytest.mark.parametrize(
    "option", [{"strategy": "p2c"}, {"strategy": "leasttime"}, {"passivehealthcheck": "true"}]
)
def test_what_must_see_all_servers_at_once_keeps_them_together(option: dict[str, str]) -> None:
    if "passivehealthcheck" in option:
        option = {"passivehealthcheck__maxfailedattempts": "2"}
    made = build(*mixed(**service(**option)), version="3.7")["services"]["web"]

    assert len(made["loadBalancer"]["servers"]) == 2
    assert made["middlewares"] == ["constellation.to.web"]


def mixed(**labels: Any) -> tuple[NodeServiceState, NodeServiceState]:
    """One instance at the container's own address, and one behind the hop."""
    return on("alpha", hidden(**labels)), on("beta", hidden(**labels))


@pytest.mark.case("R14")
@pytest.mark.parametrize("option", [{"sticky__cookie__name": "s"}, {"strategy": "hrw"}])
def test_the_names_that_a_cookie_or_a_hash_is_made_of_are_equal_on_all_nodes(
    option: dict[str, str],
) -> None:
    kind = "weighted" if "strategy" not in option else "highestRandomWeight"
    chosen = {}
    for asked in ("alpha", "beta", "gamma"):
        made = build(*mixed(**service(**option)), version="3.7", self_node=asked)["services"]
        parts = made["web"][kind]["services"]
        chosen[asked] = [part["name"] for part in parts]
        if kind == "highestRandomWeight":
            assert {part["weight"] for part in parts} == {1}

    assert chosen["alpha"] == ["web._at.alpha.web", "web._at.beta.web"]
    assert chosen["beta"] == chosen["gamma"] == chosen["alpha"]


def replicas(node: str, count: int, **labels: Any) -> list[NodeServiceState]:
    found = [hidden(**labels) for _ in range(count)]
    return [
        on(node, one.model_copy(update={"name": f"web-{n}", "container_host": f"172.17.0.{n}"}))
        for n, one in enumerate(found, start=1)
    ]


def test_an_ingress_has_the_weight_of_all_instances_behind_it() -> None:
    made = build(*replicas("beta", 3), *replicas("alpha", 2), local_preference="none")["services"]

    parts = made["web.example.org"]["weighted"]["services"]
    assert [part["weight"] for part in parts] == [2, 3]
    assert urls(made["web.example.org._hop"]) == ["http://10.0.0.2:9000"]


@pytest.mark.case("R14")
def test_a_session_holds_one_of_several_instances_of_another_node() -> None:
    labels = service(sticky__cookie__name="s")
    there = build(*replicas("beta", 2, **labels), version="3.7")
    here = build(*replicas("beta", 2, **labels), version="3.7", self_node="beta", ingress_port=1)

    for n in (1, 2):
        name = f"web._at.beta.web-{n}"
        (naming,) = there["services"][name]["middlewares"]
        headers = there["middlewares"][naming]["headers"]["customRequestHeaders"]
        assert headers["X-Constellation-Service"] == "web._of.web"
        received = f"_from.web._of.web._at.beta.web-{n}"
        rule = here["routers"][received]["rule"]
        for header, value in headers.items():
            assert f"Header(`{header}`, `{value}`)" in rule
        assert urls(here["services"][received]) == [f"http://172.17.0.{n}:80"]
    assert (
        len(urls(here["services"]["_from.web._of.web"])) == 2
    )  # for a sender that names no instance


@pytest.mark.case("R14")
def test_instances_that_an_older_traefik_cannot_name_are_warned_of() -> None:
    there = replicas("beta", 2, **service(sticky__cookie__name="s"))

    assert warned(*there, version="3.6") == [("web on beta", "loadbalancer")]
    assert warned(*there, version="3.7") == []


@pytest.mark.case("R14")
def test_a_node_that_is_alone_keeps_the_servers_of_a_sticky_service_together() -> None:
    labels = service(sticky__cookie__name="s")
    made = build(on("alpha", hidden(**labels)), nodes=(), members=(member("alpha"),))

    assert made["services"]["web"]["loadBalancer"]["sticky"] == {"cookie": {"name": "s"}}


@pytest.mark.parametrize("kept", [True, False])
def test_health_is_known_to_a_choosing_service_only_if_all_parts_are_checked(*, kept: bool) -> None:
    check = {"healthcheck__path": "/up"} | ({} if kept else {"healthcheck__port": "81"})
    made = build(*mixed(**service(**check)), version="3.7")["services"]

    assert ("healthCheck" in made["web"]["weighted"]) == kept
    for name in ("web._direct", "web._hop"):
        assert ("healthCheck" in made[name]["loadBalancer"]) == kept


@pytest.mark.case("R15")
@pytest.mark.parametrize(
    ("scheme", "version", "hop"),
    [
        ("h2c", "3.7", "h2c"),
        ("h2c", "3.0", "h2c"),
        ("https", "3.7", "h2c"),
        ("https", "3.6", "http"),
        ("http", "3.7", "http"),
    ],
)
def test_the_hop_carries_what_the_scheme_of_the_container_needs(
    scheme: str, version: str, hop: str
) -> None:
    labels = service(server__scheme=scheme)
    there = build(on("beta", hidden(**labels)), version=version)
    here = build(on("alpha", hidden(**labels)), version=version, ingress_port=9000)

    assert urls(there["services"]["web"]) == [f"{hop}://10.0.0.2:9000"]
    assert urls(here["services"]["_from.web._of.web"]) == [f"{scheme}://172.17.0.2:80"]
    if version == "3.7":
        (name,) = there["routers"]["web.example.org"]["middlewares"]
        retry = there["middlewares"][name]["retry"]
        assert retry["status"] == ["502", "504"]
        assert retry.get("disableRetryOnNetworkError", False) == (hop == "h2c")


def urls(found: dict[str, Any]) -> list[str]:
    return [server["url"] for server in found["loadBalancer"]["servers"]]


def test_the_transport_of_containers_is_not_used_for_the_hop() -> None:
    made = build(*mixed(**service(serverstransport="own@file")), version="3.7")["services"]

    assert made["web._direct"]["loadBalancer"]["serversTransport"] == "own@file"
    assert "serversTransport" not in made["web._hop"]["loadBalancer"]


def test_a_container_does_not_see_the_headers_of_the_hop() -> None:
    made = build(on("alpha", hidden()), ingress_port=9000)

    (name,) = made["routers"]["_from.web.example.org"]["middlewares"]
    assert made["middlewares"][name]["headers"]["customRequestHeaders"] == {
        "X-Constellation-Service": "",
        "X-Constellation-Instance": "",
    }


def warned(*services: NodeServiceState, **fields: Any) -> list[tuple[str, str]]:
    """Return the instances and labels of all warnings, and check that nothing was left out."""
    found = configuration(*services, **fields).rejected
    assert all(one.is_sent for one in found)
    return [(f"{one.service} on {one.node}", one.label.rpartition(".")[2]) for one in found]


@pytest.mark.case("R13")
@pytest.mark.parametrize(
    ("version", "expected"), [("3.6", [("app on alpha", "service")]), ("3.7", [])]
)
def test_pages_that_an_older_traefik_cannot_get_are_warned_of(
    version: str, expected: list[tuple[str, str]]
) -> None:
    app = on("alpha", published("10.0.0.1", service="app", **ERRORS))

    assert warned(app, pages(), version=version) == expected


@pytest.mark.case("R14")
def test_a_session_that_the_hop_cannot_keep_is_warned_of() -> None:
    check = {"passivehealthcheck__maxfailedattempts": "2"}
    labels = service(sticky__cookie__name="s", **check)
    both = [(f"web on {name}", "passivehealthcheck") for name in ("alpha", "beta")]

    assert warned(*mixed(**labels), version="3.7") == both
    assert warned(*mixed(**service(sticky__cookie__name="s")), version="3.7") == []
    assert warned(on("alpha", published("10.0.0.1", **labels)), version="3.7") == []


def test_a_health_check_that_other_nodes_do_not_make_is_warned_of() -> None:
    there = on("beta", hidden(**service(healthcheck__port="81")))

    assert warned(there) == [("web on beta", "healthcheck")]
    assert warned(there, self_node="beta") == []
    assert warned(on("beta", hidden(**service(healthcheck__path="/up")))) == []


@pytest.mark.case("R1")
def test_a_node_that_does_not_know_of_another_stack_yet_reaches_the_right_one() -> None:
    def node_of(me: str, *services: NodeServiceState) -> dict[str, Any]:
        return build(*services, version="3.7", self_node=me, ingress_port=9000)

    labels: dict[str, Any] = {"http__services__app__loadbalancer__server__port": "80"}
    photos, uptime = (
        on(node, hidden(**labels).model_copy(update={"service": name, "name": name}))
        for name, node in (("photos", "beta"), ("uptime", "alpha"))
    )
    behind = node_of("gamma", photos)
    here = node_of("beta", photos, uptime)

    (naming,) = behind["services"]["app"]["middlewares"]
    asked = behind["middlewares"][naming]["headers"]["customRequestHeaders"]
    rules = [one["rule"] for name, one in here["routers"].items() if name.startswith("_from.app")]
    assert len(rules) == 1
    assert f"`{asked['X-Constellation-Service']}`" in rules[0]
