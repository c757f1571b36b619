"""Strategies for any cluster as gossip may report it, with valid and invalid labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.schema.kinds import VERSIONS
from messages.gossip import ClusterChanged, MemberState, NamedNodeState, NodeServiceState, NodeState
from messages.monitor import Endpoint, Label, ServiceState
from tests.traefik.builders import member, on, snapshot
from tests.traefik.every_key import SETTINGS, Case, cases, labels_of
from tests.traefik.test_rule import BAD, GOOD

T = TypeVar("T")

NODES = ("alpha", "beta", "gamma", "Bad.Node")
GOOD_HOSTS = ("10.0.0.1", "10.0.0.2", "fd00::1", "host.example")
HOSTS = ("10.0.0.1", "fd00::1", "", "0.0.0.0", "::", "host.example", "a b", "1.2.3", "fe80::1%e")
SERVICES = ("web", "api", "app", "my_app", "my-app", "API", "a.b", "\u00e9", "-", "x" * 100, "db")
NAMES = ("x", "y", "web", "Web", "m")
BAD_NAMES = ("a`b", "", "a.b", "x" * 200, "a[0]")
IMAGES = ("", "nginx", "redis:7", "docker.io/library/mongo@sha256:0", "bitnami/postgresql")
REFERENCES = ("x", "y", "m", "web", "x@docker", "m@docker", "m@http", "gzip@file", "nowhere")
SERVICE_REFERENCES = ("x", "web", "db", "my_app", "x@docker", "page@file", "nowhere", "x@swarm")
VALUES = (
    *("80", "8080", "0", "-1", "99999", "1" * 30, "http", "https", "ftp", "web", "web,websecure"),
    *("x", "true", "false", "True", "perhaps", "", " ", ",", "a,,b", "1s", "0s", "-1s", "\u0663s"),
    *(
        "9999999999h",
        "\U0001f600",
        "a\tb",
        "a\nb",
        "\x7f\u2028",
        "\ufeff",
        "a\u2551b",
        "10.0.0.0/8",
    ),
    *("10.0.0.0/255.0.0.0", "^(a{99}){99}$", "http://a%zz/", "500-400", "{}", "null", "~", "\\"),
)
JUNK = (
    *("traefik.{}", "traefik.http", "traefik.http.routers", "traefik.http.{}.x.rule", "other.{}"),
    *("traefik.enable", "traefik.docker.network", "constellation.http", "constellation.tcp"),
    *("traefik.http.routers.{}", "traefik.http.routers.{}.tls", "traefik.http.services.{}"),
    *("traefik.http.middlewares.{}.plugin[0]", "traefik.http.middlewares.{}.plugin.demo[0].a"),
    *("traefik.http.middlewares.{}.compress", "traefik.http.middlewares.{}.contenttype"),
    *("traefik.http.middlewares.{}.plugin.demo." + "k" * 2000, "traefik.udp.middlewares.{}.x"),
    *(
        "traefik.http.services.{}.weighted.services[0].name",
        "traefik.tcp.routers.{}.tls.domains[0]",
    ),
    *(
        "traefik.http.routers.{}.tls.domains[x].main",
        "traefik.http.services.{}.loadbalancer.sticky",
    ),
)
KEYS = tuple(cases("3.7"))


def _one_of(choices: Sequence[T]) -> st.SearchStrategy[T]:
    """Return a strategy that does not show all of a long list when it is shown."""
    return st.integers(0, len(choices) - 1).map(lambda index: choices[index])


@cache
def fragment(case: Case, name: str) -> tuple[Label, ...]:
    return tuple(Label(name=label, value=value) for label, value in labels_of(case, name))


def named(text: str, name: str, value: str) -> tuple[Label, ...]:
    return (Label(name=text.format(name), value=value),)


names = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(BAD_NAMES))
values = st.one_of(_one_of(VALUES), _one_of(GOOD), _one_of(BAD), st.text(max_size=8))
some_case = _one_of(KEYS)
keys = st.builds(fragment, some_case, st.sampled_from(NAMES))
wrong_keys = st.builds(
    lambda case, name, value: (
        *fragment(case, name)[1:],
        fragment(case, name)[0]._replace(value=value),
    ),
    some_case,
    st.sampled_from(NAMES),
    values,
)
links = st.one_of(
    st.builds(
        named,
        st.sampled_from(
            (
                "traefik.http.routers.{}.middlewares",
                "traefik.http.middlewares.{}.chain.middlewares",
                "traefik.http.services.{}.middlewares",
                "traefik.tcp.routers.{}.middlewares",
            )
        ),
        st.sampled_from(NAMES),
        st.lists(st.sampled_from(REFERENCES), min_size=1, max_size=3).map(",".join),
    ),
    st.builds(
        named,
        st.sampled_from(
            (
                "traefik.http.routers.{}.service",
                "traefik.tcp.routers.{}.service",
                "traefik.udp.routers.{}.service",
                "traefik.http.middlewares.{}.errors.service",
            )
        ),
        st.sampled_from(NAMES),
        st.sampled_from(SERVICE_REFERENCES),
    ),
)
rules = st.builds(
    named, st.just("traefik.http.routers.{}.rule"), st.sampled_from(NAMES), _one_of(GOOD)
)
junk = st.builds(named, _one_of(JUNK), names, values)
good_labels = st.lists(st.one_of(keys, keys, rules, links), max_size=3)
any_labels = st.lists(st.one_of(keys, wrong_keys, rules, links, junk), max_size=4)

RANDOM = Random(1)  # to draw one of these is faster than to draw each part


def _endpoint(hosts: Sequence[str], ports: Sequence[int], schemes: Sequence[str]) -> Endpoint:
    return Endpoint(
        protocol=RANDOM.choice(("tcp", "tcp", "tcp", "udp")),
        host=RANDOM.choice(hosts),
        port=RANDOM.choice((80, 8080, 65535)),
        container_port=RANDOM.choice(ports),
        scheme=RANDOM.choice(schemes),  # type: ignore[arg-type]
    )


ENDPOINTS = [
    *(tuple(_endpoint(GOOD_HOSTS, (80, 8080), ("",)) for _ in range(1 + n % 2)) for n in range(30)),
    *(
        tuple(
            _endpoint(HOSTS, (80, 8080, 5432, 53), ("", "", "http", "https")) for _ in range(n % 3)
        )
        for n in range(30)
    ),
]
TRAITS = [
    {
        "name": RANDOM.choice(("", "one", "two")),
        "health": RANDOM.choice(("healthy", "healthy", "unhealthy", "starting", "stopped")),
        "image": RANDOM.choice(IMAGES),
        "exposed_ports": RANDOM.choice(((), (80,), (5432,), (6379, 8080))),
        "exposed_udp_ports": RANDOM.choice(((), (53,))),
        "container_host": RANDOM.choice(("", "172.17.0.2", "fd00::2", "nonsense")),
        "role": RANDOM.choice(("", "", "primary", "replica")),
        "draining": RANDOM.choice((False, False, True)),
        "created_at_utc_s": RANDOM.choice((0.0, 1.0, 2.0)),
    }
    for _ in range(200)
]


def _state(
    service: str,
    parts: Sequence[tuple[Label, ...]],
    endpoints: tuple[Endpoint, ...],
    traits: Mapping[str, Any],
) -> ServiceState:
    return ServiceState(
        service=service,
        source="docker",
        instance="c1",
        labels=tuple(label for part in parts for label in part),
        endpoints=endpoints,
        **traits,
    )


def _states(labels: st.SearchStrategy[list[tuple[Label, ...]]]) -> st.SearchStrategy[ServiceState]:
    return st.builds(_state, _one_of(SERVICES), labels, _one_of(ENDPOINTS), _one_of(TRAITS))


good_states = _states(good_labels)
service_states = st.one_of(good_states, _states(any_labels))

node_states = st.builds(
    NodeState,
    address=st.sampled_from(["127.0.0.1", "10.0.0.1", "fd00::1", "nonsense"]),
    gossip_port=st.just(7946),
    actor_port=st.just(7947),
    ingress_port=st.sampled_from([0, 9000]),
    cordoned=st.sampled_from([False, False, True]),
)


def _settings(version: str) -> TraefikSettings:
    preferences = ["weights", "none"] + (["failover"] * 2 if version == "3.7" else [])
    return TraefikSettings(
        version=version,
        entry_points=(*SETTINGS["entry_points"], "redis", "mongodb"),
        cert_resolvers=SETTINGS["cert_resolvers"],
        plugins=("demo",),
        local_preference=RANDOM.choice(preferences),
        default_routes=RANDOM.choice(("unrouted", "all", "none")),
        reaches_containers=RANDOM.choice((True, False)),
        ingress_port=RANDOM.choice((0, 9000)),
        retry_attempts=RANDOM.choice((0, 6)),
        circuit_breaker=RANDOM.choice(("", "NetworkErrorRatio() > 0.30")),
    )


# For Traefiks that have everything that labels here refer to.
provider_settings = _one_of([_settings(version) for version in VERSIONS for _ in range(12)])


def placed(
    states: st.SearchStrategy[ServiceState] = service_states, least: int = 0, most: int = 6
) -> st.SearchStrategy[list[NodeServiceState]]:
    """Return instances on nodes, each name at most once on each."""
    found = st.lists(st.builds(on, st.sampled_from(NODES), states), min_size=least, max_size=most)
    return found.map(lambda items: list({(i.node, i.state.key): i for i in items}.values()))


@st.composite
def snapshots(draw: st.DrawFn, services_min: int = 0) -> ClusterChanged:
    """Return a whole cluster."""
    found = draw(placed(least=services_min))
    living: st.SearchStrategy[MemberState] = st.sampled_from(
        ["alive", "alive", "suspect", "dead", "left"]
    )
    members = tuple(member(node, draw(living)) for node in NODES[: draw(st.integers(1, 4))])
    nodes = tuple(NamedNodeState(node=node, state=draw(node_states)) for node in NODES[:3])
    return snapshot(*found, members=members, nodes=nodes)
