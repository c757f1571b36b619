"""Any cluster, as gossip might tell of it, good and bad; and labels that are half right."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from constellation.settings_traefik import TraefikSettings
from constellation.traefik.schema.kinds import VERSIONS
from messages.gossip import ClusterChanged, NamedNodeState, NodeServiceState, NodeState
from messages.monitor import Endpoint, Label, ServiceState
from tests.traefik.builders import member, on, snapshot
from tests.traefik.every_key import SETTINGS, Case, cases, labels_of
from tests.traefik.test_rule import BAD, GOOD

NODES = ("alpha", "beta", "gamma", "Bad.Node")
GOOD_HOSTS = ("10.0.0.1", "10.0.0.2", "fd00::1", "host.example")
HOSTS = ("10.0.0.1", "fd00::1", "", "0.0.0.0", "::", "host.example", "a b", "1.2.3", "fe80::1%e")
SERVICES = ("web", "api", "app", "my_app", "my-app", "API", "a.b", "\u00e9", "-", "x" * 100, "db")
NAMES = ("x", "y", "web", "Web", "m")
BAD_NAMES = ("a b", "", "a.b", "\u00e9", "x" * 100, "a[0]")
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


@cache
def fragment(case: Case, name: str) -> tuple[Label, ...]:
    return tuple(Label(name=label, value=value) for label, value in labels_of(case, name))


def named(text: str, name: str, value: str) -> tuple[Label, ...]:
    return (Label(name=text.format(name), value=value),)


names = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(BAD_NAMES))
values = st.one_of(
    st.sampled_from(VALUES), st.sampled_from(GOOD), st.sampled_from(BAD), st.text(max_size=8)
)
some_case = st.integers(0, len(KEYS) - 1).map(KEYS.__getitem__)
keys = st.builds(fragment, some_case, st.sampled_from(NAMES))
wrong_keys = st.builds(
    lambda case, name, value: (
        *fragment(case, name)[1:],
        fragment(case, name)[0].model_copy(update={"value": value}),
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
    named, st.just("traefik.http.routers.{}.rule"), st.sampled_from(NAMES), st.sampled_from(GOOD)
)
junk = st.builds(named, st.sampled_from(JUNK), names, values)
good_labels = st.lists(st.one_of(keys, keys, rules, links), max_size=3)
any_labels = st.lists(st.one_of(keys, wrong_keys, rules, links, junk), max_size=4)

good_endpoints = st.builds(
    Endpoint,
    protocol=st.sampled_from(["tcp", "tcp", "tcp", "udp"]),
    host=st.sampled_from(GOOD_HOSTS),
    port=st.sampled_from([1, 8080, 32768, 65535]),
    container_port=st.sampled_from([80, 8080]),
)
endpoints = st.builds(
    Endpoint,
    protocol=st.sampled_from(["tcp", "tcp", "udp"]),
    host=st.sampled_from(HOSTS),
    port=st.sampled_from([0, 80, 65535]),
    container_port=st.sampled_from([80, 8080, 5432, 53]),
    scheme=st.sampled_from(["", "", "http", "https"]),
)


def _states(labels: st.SearchStrategy[list[tuple[Label, ...]]]) -> st.SearchStrategy[ServiceState]:
    return st.builds(
        ServiceState,
        service=st.sampled_from(SERVICES),
        health=st.sampled_from(["healthy", "healthy", "unhealthy", "starting", "stopped"]),
        source=st.just("docker"),
        instance=st.just("c1"),
        image=st.sampled_from(IMAGES),
        labels=labels.map(lambda parts: tuple(label for part in parts for label in part)),
        endpoints=st.one_of(
            st.lists(good_endpoints, min_size=1, max_size=2).map(tuple),
            st.lists(endpoints, max_size=2).map(tuple),
        ),
        exposed_ports=st.sampled_from([(), (80,), (5432,), (6379, 8080)]),
        exposed_udp_ports=st.sampled_from([(), (53,)]),
        container_host=st.sampled_from(["", "172.17.0.2", "fd00::2", "nonsense"]),
        role=st.sampled_from(["", "", "primary", "replica"]),
        draining=st.sampled_from([False, False, True]),
        created_at_utc_s=st.sampled_from([0.0, 1.0, 2.0]),
    )


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


@st.composite
def provider_settings(draw: st.DrawFn) -> TraefikSettings:
    """Return settings of a Traefik that has what labels name here."""
    version = draw(st.sampled_from(VERSIONS))
    preferences = ["weights", "none"] + (["failover"] if version == "3.7" else [])
    return TraefikSettings(
        version=version,
        entry_points=(*SETTINGS["entry_points"], "redis", "mongodb"),
        cert_resolvers=SETTINGS["cert_resolvers"],
        plugins=("demo",),
        local_preference=draw(st.sampled_from(preferences)),
        default_routes=draw(st.sampled_from(["unrouted", "all", "none"])),
        reaches_containers=draw(st.booleans()),
        ingress_port=draw(st.sampled_from([0, 9000])),
        retry_attempts=draw(st.sampled_from([0, 6])),
        circuit_breaker=draw(st.sampled_from(["", "NetworkErrorRatio() > 0.30"])),
    )


def placed(
    states: st.SearchStrategy[ServiceState] = service_states, least: int = 0, most: int = 6
) -> st.SearchStrategy[list[NodeServiceState]]:
    """Return services on nodes, each at most once on each."""
    return st.lists(
        st.builds(on, st.sampled_from(NODES), states),
        min_size=least,
        max_size=most,
        unique_by=lambda item: (item.node, item.state.service),
    )


@st.composite
def snapshots(draw: st.DrawFn, services_min: int = 0) -> ClusterChanged:
    """Return a whole cluster."""
    found = draw(placed(least=services_min))
    living = st.sampled_from(["alive", "alive", "suspect", "dead", "left"])
    members = tuple(member(node, draw(living)) for node in NODES[: draw(st.integers(1, 4))])
    nodes = tuple(NamedNodeState(node=node, state=draw(node_states)) for node in NODES[:3])
    return snapshot(*found, members=members, nodes=nodes)
