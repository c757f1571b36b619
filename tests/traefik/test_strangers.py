"""Two stacks never share a server, whatever names were pasted into their labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from constellation.cluster_view import ClusterView
from constellation.monitor.service_name import instance_name, service_name
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.composition import Composition
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.elements import ElementKey, Instance
from constellation.traefik.rejection import Rejection
from messages.gossip import NodeServiceState
from messages.monitor import Label, ServiceState
from tests.traefik.builders import endpoint, on, snapshot


@dataclass(frozen=True)
class Container:
    """A container as its user wrote it.  Its port tells its server from all others."""

    node: str
    name: str
    image: str
    port: int
    project: str = ""
    compose_service: str = ""
    named: str = ""
    router: str = ""
    rule: str = "Host(`x`)"
    to: str = ""
    defines: str = ""
    prefix: str = ""
    guard: str = ""

    @property
    def labels(self) -> dict[str, str]:
        routed = f"traefik.http.routers.{self.router}"
        written = {
            "com.docker.compose.project": self.project,
            "com.docker.compose.service": self.compose_service,
            "constellation.service": self.named,
            f"{routed}.rule": self.rule if self.router else "",
            f"{routed}.service": self.to if self.router else "",
            f"traefik.http.services.{self.defines}.loadbalancer.server.port": (
                str(self.port) if self.defines else ""
            ),
            "traefik.http.middlewares.auth.addprefix.prefix": self.prefix,
            f"{routed}.middlewares": self.guard if self.router else "",
        }
        return {name: value for name, value in written.items() if value}

    @property
    def service(self) -> str:
        return service_name(self.name, self.labels)

    @property
    def instance(self) -> Instance:
        return Instance(self.service, self.node, instance_name(self.name, self.labels))

    @property
    def published(self) -> NodeServiceState:
        state = ServiceState(
            service=self.service,
            name=self.instance.name,
            health="healthy",
            source="docker",
            instance=self.name,
            image=self.image,
            labels=tuple(Label(name=name, value=value) for name, value in self.labels.items()),
            endpoints=(endpoint(self.port, self.port, host="10.0.0.1"),),
        )
        return on(self.node, state)


def built(*containers: Container) -> tuple[Composition, DynamicConfiguration]:
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    told = snapshot(*(one.published for one in containers))
    return builder.composition, builder.build(ClusterView().apply(told))


def ports_of(made: DynamicConfiguration) -> dict[str, list[int]]:
    """Return the ports that each rule of labels leads to."""
    http = json.loads(made.body)["http"]
    return {
        router["rule"]: sorted(ports(http, router["service"]))
        for name, router in http["routers"].items()
        if not name.endswith("example.org")
    }


def ports(http: dict[str, Any], service: str) -> Iterator[int]:
    for server in http["services"][service]["loadBalancer"]["servers"]:
        yield int(server["url"].rpartition(":")[2])


def services_named(made: DynamicConfiguration, name: str) -> list[list[int]]:
    http = json.loads(made.body)["http"]
    return [list(ports(http, one)) for one in http["services"] if one.startswith(name)]


def warnings(made: DynamicConfiguration) -> list[Rejection]:
    return [item for item in made.rejected if item.is_sent]


PHOTOS = Container(
    "alpha", "photos-web-1", "immich/server:2", 2283, "photos", "web", router="app",
    rule="Host(`photos`)", to="app", defines="app",
)  # fmt: skip
UPTIME = Container(
    "beta", "uptime-web-1", "uptime-kuma", 3001, "uptime", "web", router="app",
    rule="Host(`up`)", to="app", defines="app",
)  # fmt: skip


def pasted(container: Container, **fields: Any) -> Container:
    return Container(**{**container.__dict__, **fields})


@pytest.mark.case("R1")
@pytest.mark.parametrize("node", ["alpha", "beta"])
def test_two_stacks_with_pasted_labels_keep_their_own_servers(node: str) -> None:
    _, made = built(PHOTOS, pasted(UPTIME, node=node))

    assert ports_of(made) == {"Host(`photos`)": [2283], "Host(`up`)": [3001]}
    assert made.rejected == ()
    services = json.loads(made.body)["http"]["services"]
    assert {"app._in.photos", "app._in.uptime"} <= services.keys()


@pytest.mark.case("R1")
def test_containers_without_compose_are_stacks_of_their_own() -> None:
    alone = {"project": "", "compose_service": ""}
    _, made = built(pasted(PHOTOS, name="photos", **alone), pasted(UPTIME, name="uptime", **alone))

    assert ports_of(made) == {"Host(`photos`)": [2283], "Host(`up`)": [3001]}


@pytest.mark.case("R3")
def test_containers_without_compose_that_differ_in_name_alone_are_replicas() -> None:
    alone = {"project": "", "compose_service": ""}
    blue = pasted(PHOTOS, name="blue", **alone)
    green = pasted(blue, name="green", image="immich/server:3", port=2284)

    _, made = built(blue, green)
    _, apart = built(blue, pasted(green, node="beta"))

    assert ports_of(made) == {"Host(`photos`)": [2283, 2284]}
    assert sorted(map(len, services_named(apart, "app"))) == [1, 1]


@pytest.mark.case("R1")
def test_projects_named_after_one_directory_share_nothing_but_what_is_one_service() -> None:
    docker = {"project": "docker", "defines": "app"}
    photos = pasted(PHOTOS, compose_service="photos", **docker)
    uptime = pasted(UPTIME, compose_service="uptime", **docker)
    agents = [
        Container(node, "docker-agent-1", "agent", port, "docker", "agent")
        for node, port in (("alpha", 9001), ("beta", 9002))
    ]

    _, made = built(photos, uptime, *agents)

    assert ports_of(made) == {"Host(`photos`)": [2283], "Host(`up`)": [3001]}
    http = json.loads(made.body)["http"]
    assert sorted(ports(http, "agent-docker.example.org")) == [9001, 9002]


@pytest.mark.case("R3")
def test_blue_and_green_in_one_stack_share_the_service_of_their_labels() -> None:
    blue = pasted(PHOTOS, compose_service="blue", name="photos-blue-1")
    green = pasted(PHOTOS, compose_service="green", name="photos-green-1", port=2284)
    far = pasted(green, node="beta", port=2285)

    _, made = built(blue, green, far, UPTIME)

    assert ports_of(made) == {"Host(`photos`)": [2283, 2284, 2285], "Host(`up`)": [3001]}


@pytest.mark.case("R1")
def test_a_service_that_no_other_stack_defines_keeps_its_plain_name_and_is_found() -> None:
    proxy = pasted(UPTIME, to="app", defines="")

    _, made = built(PHOTOS, proxy)

    assert "app" in json.loads(made.body)["http"]["services"]
    assert ports_of(made)["Host(`up`)"] == [2283]


@pytest.mark.case("R1")
def test_a_router_to_a_service_of_several_other_stacks_is_rejected() -> None:
    proxy = Container("gamma", "p", "proxy", 80, router="p", rule="Host(`p`)", to="app@docker")

    _, made = built(PHOTOS, UPTIME, proxy)

    assert "Host(`p`)" not in ports_of(made)
    (rejection,) = made.rejected
    assert rejection.label == "traefik.http.routers.p.service"
    assert rejection.reason == "several stacks define the service 'app': photos, uptime"


DOCKER = {"project": "docker", "compose_service": "app", "name": "docker-app-1"}


@pytest.mark.case("R1")
def test_different_programs_with_one_implied_name_are_kept_apart_and_listed() -> None:
    photos, uptime = (
        pasted(one, **DOCKER, router="app", to="", defines="") for one in (PHOTOS, UPTIME)
    )

    _, made = built(photos, uptime)

    assert ports_of(made) == {"Host(`photos`)": [2283], "Host(`up`)": [3001]}
    (warning,) = warnings(made)
    assert (warning.service, warning.node) == ("app-docker", "beta")
    assert "'server'" in warning.reason and "'uptime-kuma'" in warning.reason  # noqa: PT018
    assert "constellation.service" in warning.remedy
    http = json.loads(made.body)["http"]
    assert list(ports(http, "app-docker.example.org")) == [2283]


@pytest.mark.case("R1")
@pytest.mark.parametrize("project", ["docker", ""])
def test_one_program_with_other_hosts_on_each_node_is_a_service_for_each(project: str) -> None:
    blog = {**DOCKER, "project": project, "image": "wordpress:6"}
    first, second = (pasted(one, **blog) for one in (PHOTOS, UPTIME))
    hostless = pasted(first, node="gamma", router="", to="", defines="", port=2284)

    _, made = built(first, second, hostless)

    assert ports_of(made) == {"Host(`photos`)": [2283], "Host(`up`)": [3001]}
    assert made.rejected == ()  # each works as its labels ask


@pytest.mark.case("R1")
def test_a_name_of_a_service_with_other_hosts_on_each_node_means_the_one_on_the_node() -> None:
    first = pasted(PHOTOS, **DOCKER, image="wordpress")
    proxies = [
        Container(
            node, "p", "proxy", 80, f"p-{node}", "p", router="p", rule=f"Host(`{node}`)", to="app"
        )
        for node in ("alpha", "beta", "gamma")
    ]

    _, made = built(first, pasted(first, node="beta", rule="Host(`up`)", port=3001), *proxies)

    served = {"Host(`photos`)": [2283], "Host(`up`)": [3001]}
    assert ports_of(made) == {**served, "Host(`alpha`)": [2283], "Host(`beta`)": [3001]}
    assert [one.node for one in made.rejected] == ["gamma"]


@pytest.mark.case("R1")
@pytest.mark.parametrize(
    ("asks", "reason"),
    [
        ({"to": "app"}, "several stacks define the service 'app': app-docker, app-docker (uptime)"),
        (
            {"to": "web-docker"},
            "the service name 'web-docker.example.org' means different programs",
        ),
        ({"guard": "auth"}, "several services define the middleware 'auth', differently"),
    ],
)
def test_a_name_of_different_programs_means_none_of_them_even_on_the_own_node(
    asks: dict[str, str], reason: str
) -> None:
    named = [
        pasted(one, **DOCKER, router="", prefix=f"/{one.port}")
        for one in (PHOTOS, pasted(UPTIME, image="uptime", defines="app"))
    ]
    implied = [
        pasted(one, project="docker", router="", to="", defines="", name="web-1")
        for one in (PHOTOS, UPTIME)
    ]
    asking = Container("alpha", "p", "proxy", 80, "p", "p", router="p", rule="Host(`p`)", **asks)
    beside = pasted(asking, project="docker", name="b", compose_service="b", rule="Host(`b`)")

    _, made = built(*named, *implied, asking, beside)

    assert "Host(`p`)" not in ports_of(made)
    (rejection,) = (one for one in made.rejected if not one.is_sent)
    assert (rejection.service, rejection.reason) == ("p-p", reason)
    assert ports_of(made)["Host(`b`)"] == [80 if "guard" in asks else 2283]


@pytest.mark.case("R1")
@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("Host(`photos`) || Host(`up`)", ""),  # a deployment that adds a host
        ("HostRegexp(`^up`)", ""),  # it could match the other host
        ("Host(`up`)", "app-docker"),
    ],
)
def test_a_host_in_common_or_a_label_keeps_instances_one_service(rule: str, named: str) -> None:
    first = pasted(PHOTOS, **DOCKER, image="wordpress", named=named)
    _, made = built(first, pasted(first, node="beta", rule=rule, port=2284))

    (servers,) = ports_of(made).values()
    assert servers == [2283, 2284]


def test_instances_on_one_node_are_one_service_whatever_their_hosts() -> None:
    first = pasted(PHOTOS, **DOCKER)
    _, made = built(first, pasted(first, name="docker-app-2", rule="Host(`up`)", port=2284))

    (servers,) = ports_of(made).values()
    assert servers == [2283, 2284]


def test_a_label_or_a_new_tag_makes_no_second_program() -> None:
    photos = pasted(PHOTOS, **DOCKER)
    tagged = pasted(photos, node="beta", image="registry:5000/immich/server@sha256:0", port=2284)
    named = pasted(PHOTOS, named="app-docker", node="gamma", image="fork", port=2285)

    _, made = built(photos, tagged)
    _, by_label = built(named, pasted(named, node="beta", image="other", port=2286))

    assert ports_of(made) == {"Host(`photos`)": [2283, 2284]}
    assert ports_of(by_label) == {"Host(`photos`)": [2285, 2286]}
    assert made.rejected == by_label.rejected == ()


# Anything that can be pasted.

NAMES = ("app", "web", "s")
CONTAINERS = st.lists(
    st.builds(
        Container,
        node=st.sampled_from(("alpha", "beta", "gamma")),
        name=st.sampled_from(("one", "two", "web")),
        image=st.sampled_from(("nginx:1", "x/nginx", "redis")),
        port=st.just(1),
        project=st.sampled_from(("", "docker", "app", "web")),
        compose_service=st.sampled_from(("web", "app", "job")),
        named=st.sampled_from(("", "", "", "app", "web-docker")),
        router=st.sampled_from(("", *NAMES)),
        rule=st.sampled_from(("Host(`x`)", "Host(`y`)")),
        to=st.sampled_from(("", *NAMES, "web-docker", "one", "app.example.org")),
        defines=st.sampled_from(("", "", *NAMES)),
    ),
    max_size=7,
    unique_by=lambda one: (one.node, one.name),
).map(lambda some: [pasted(one, port=5000 + number) for number, one in enumerate(some)])


def is_one_service(one: Container, other: Container, all_: list[Container]) -> bool:
    """Return whether two containers are instances of one service."""
    if one.service != other.service:
        return False
    if bool(one.named) == bool(other.named):
        return bool(one.named) or program(one) == program(other)
    named = [another for another in all_ if another.service == one.service and another.named]
    implied = other if one.named else one
    return any(program(implied) == program(another) for another in named)


def program(one: Container) -> str:
    return one.image.rpartition("/")[2].partition(":")[0]


def are_related(one: Container, other: Container, all_: list[Container]) -> bool:
    if (
        one.node == other.node
        and one.project == other.project
        and (one.project or twins(one, other))
    ):
        return True
    return is_one_service(one, other, all_)


def twins(one: Container, other: Container) -> bool:
    def identity(of: Container) -> list[str]:
        routed = [of.router, of.rule, of.to] if of.router else []
        return [program(of), of.defines, *routed]

    return not one.named and not other.named and identity(one) == identity(other)


def family(of: list[Container], among: list[Container], all_: list[Container]) -> list[Container]:
    """Return those of `among` that are related to one of `of`, directly or through `among`."""
    found, waiting = list[Container](), list(of)
    while waiting:
        one = waiting.pop()
        near = [other for other in among if other not in found and are_related(one, other, all_)]
        found += near
        waiting += near
    return found


NAMED_BESIDE_ONE_OF_TWO_PROGRAMS = [
    Container("alpha", "one", "nginx", 5000, "docker", "web", router="app", to="app"),
    Container("beta", "two", "redis", 5001, "app", "job", defines="app"),
    Container("alpha", "two", "nginx", 5002, "app", "job", defines="app"),
]
NAMED_BY_A_SERVICE_OF_WHICH_ONE_IS_IN_THE_STACK = [
    Container("alpha", "two", "nginx", 5000, defines="s"),
    Container("beta", "one", "redis", 5001, named="web-docker", router="app", to="s"),
    Container("gamma", "one", "redis", 5002, "docker", "web", router="app", to="s"),
    Container("gamma", "two", "nginx", 5003, "docker", "web", defines="s"),
]


@pytest.mark.case("R1")
@settings(max_examples=300, deadline=None)
@given(CONTAINERS)
@example(NAMED_BESIDE_ONE_OF_TWO_PROGRAMS)
@example(NAMED_BY_A_SERVICE_OF_WHICH_ONE_IS_IN_THE_STACK)
def test_every_server_belongs_to_the_router_or_to_the_only_service_that_it_names(
    containers: list[Container],
) -> None:
    composition, made = built(*containers)
    http = json.loads(made.body)["http"]
    for name, router in http.get("routers", {}).items():
        key = composition.document.key_of("http", "routers", name)
        assert key is not None
        defining = definers(composition, key, containers)
        for definer in defining:
            whose = [one for one in defining if is_one_service(one, definer, containers)]
            for port in ports(http, router["service"]):
                served = containers[port - 5000]
                assert may_serve(
                    served, definer, whose, containers, is_default=key.origin.is_default
                )


def definers(
    composition: Composition, key: ElementKey, containers: list[Container]
) -> list[Container]:
    contributed = composition.contributions.to(key.written)
    left_out = {item.service for item in composition.rejections.get(key.written, ())}
    instances = {
        one.instance
        for one in contributed
        if key.origin.owner in {None, one.author.owner} and one.instance.service not in left_out
    }
    return [one for one in containers if one.instance in instances]


def may_serve(
    served: Container,
    definer: Container,
    whose: list[Container],
    all_: list[Container],
    *,
    is_default: bool,
) -> bool:
    """Return whether a router of `definer` may lead there; `whose`: the instances that share it."""
    if is_one_service(served, definer, all_):
        return True
    asked = definer.defines if is_default or not definer.to else definer.to
    named = [one for one in all_ if one.defines == asked]
    if served in named:
        return served in meant(whose, named, all_)
    if not definer.to:
        return False
    # An explicit name of a service that another container has without labels.
    implied = [one for one in all_ if one.service == asked.removesuffix(".example.org")]
    return served in meant(whose, implied, all_)


def meant(whose: list[Container], named: list[Container], all_: list[Container]) -> list[Container]:
    """Return those of `named` that are theirs, or else all, unless these are strangers."""
    own = family(whose, named, all_)
    are_one = len(family(named[:1], named, all_)) == len(named)
    return own or (named if are_one else [])
