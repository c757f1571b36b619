"""Any cluster, as gossip might tell of it, good and bad; and labels that are half right."""

from __future__ import annotations

from hypothesis import strategies as st

from messages.gossip import ClusterChanged
from messages.monitor import Endpoint, Label, ServiceState
from tests.traefik.builders import member, node_state, on, snapshot
from tests.traefik.test_rule import BAD, GOOD

NODES = ("alpha", "beta", "gamma", "Bad.Node")
GOOD_HOSTS = ("10.0.0.1", "10.0.0.2", "fd00::1", "host.example")
HOSTS = ("10.0.0.1", "fd00::1", "", "0.0.0.0", "::", "host.example", "a b", "1.2.3", "fe80::1%e")
SERVICES = (
    "web",
    "api",
    "app",
    "blog",
    "my_app",
    "my-app",
    "API",
    "a.b",
    "\u00e9",
    "-",
    "x" * 100,
    "db",
)
NAMES = ("x", "y", "Web", "a b", "", "web")
VALUES = ("80", "8080", "0", "99999", "http", "https", "ftp", "web", "web,websecure", "x", "true")
OPTIONS = (
    "http.routers.{}.rule",
    "http.routers.{}.entrypoints",
    "http.routers.{}.EntryPoints",
    "http.routers.{}.priority",
    "http.routers.{}.service",
    "http.routers.{}.middlewares",
    "http.routers.{}.tls",
    "http.routers.{}",
    "http.services.{}.loadbalancer.server.port",
    "http.services.{}.loadBalancer.server.scheme",
    "http.services.{}.loadbalancer.sticky.cookie",
    "http.middlewares.{}.compress",
    "tcp.routers.{}.rule",
    "docker.network",
    "enable",
    "{}",
)

good_endpoints = st.builds(
    Endpoint,
    protocol=st.just("tcp"),
    host=st.sampled_from(GOOD_HOSTS),
    port=st.integers(1, 65535),
    container_port=st.sampled_from([80, 8080]),
)
endpoints = st.builds(
    Endpoint,
    protocol=st.sampled_from(["tcp", "tcp", "udp"]),
    host=st.sampled_from(HOSTS),
    port=st.sampled_from([0, 80, 8080, 32768, 65535]),
    container_port=st.sampled_from([80, 8080, 5432, 53]),
    scheme=st.sampled_from(["", "", "http", "https"]),
)
values = st.one_of(
    st.sampled_from(VALUES), st.sampled_from(GOOD), st.sampled_from(BAD), st.text(max_size=8)
)
labels = st.builds(
    lambda option, name, value: Label(name="traefik." + option.format(name), value=value),
    st.sampled_from(OPTIONS),
    st.sampled_from(NAMES),
    values,
)
working_labels = st.builds(
    lambda name, rule: (
        Label(name=f"traefik.http.routers.{name}.rule", value=rule),
        Label(name=f"traefik.http.routers.{name}.priority", value=str(len(rule))),
        Label(name=f"traefik.http.services.{name}.loadbalancer.server.port", value="80"),
    ),
    st.sampled_from(["x", "y", "web"]),
    st.sampled_from(GOOD),
)
service_states = st.builds(
    ServiceState,
    service=st.sampled_from(SERVICES),
    health=st.sampled_from(["healthy", "healthy", "unhealthy", "starting", "stopped"]),
    source=st.just("docker"),
    instance=st.just("c1"),
    labels=st.one_of(
        st.just(()), working_labels, st.lists(labels, max_size=6).map(tuple), working_labels
    ),
    endpoints=st.one_of(
        st.lists(good_endpoints, min_size=1, max_size=2).map(tuple),
        st.lists(endpoints, max_size=3).map(tuple),
    ),
    exposed_ports=st.sampled_from([(), (80,), (5432,)]),
)


@st.composite
def snapshots(draw: st.DrawFn, services_min: int = 0) -> ClusterChanged:
    """Return a whole cluster, each service at most once on each node."""
    found = draw(
        st.lists(
            st.builds(on, st.sampled_from(NODES), service_states),
            min_size=services_min,
            max_size=12,
            unique_by=lambda item: (item.node, item.state.service),
        )
    )
    members = tuple(
        member(node, draw(st.sampled_from(["alive", "alive", "suspect", "dead"]))) for node in NODES
    )
    nodes = tuple(node_state(node, cordoned=draw(st.booleans())) for node in NODES[:2])
    return snapshot(*found, members=members, nodes=nodes)
