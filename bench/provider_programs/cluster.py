"""The cluster of the benchmark: five nodes, with a realistic mix of services.

Six of ten services have no labels and get default routes.  The others define a router with a rule,
a middleware and a certificate.  Every second service runs on two nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from constellation.settings.traefik import TraefikSettings
from messages.gossip import (
    ClusterChanged,
    ClusterMember,
    NamedNodeState,
    NodeServiceState,
    NodeState,
)
from messages.monitor import Endpoint, Health, Label, ServiceState

NODES = ("alpha", "beta", "gamma", "delta", "epsilon")
DEFAULT_ROUTED_OF_TEN = 6
HOST_PORT_MIN = 10_000
STRIDE = 7919  # a prime: steps of this size visit all services, and never neighbours in turn
# Settling is short, because it is not measured.
SETTINGS = TraefikSettings(
    entry_points=("websecure",), cert_resolvers=("letsencrypt",), settle_s=0.05
)


def snapshot(services_count: int) -> ClusterChanged:
    """Return a snapshot with this number of services."""
    return ClusterChanged(
        version=1,
        snapshot=True,
        self_node=NODES[0],
        members=tuple(
            ClusterMember(
                node=node,
                state="alive",
                address=_address(node),
                port=7946,
                incarnation=1,
                is_self=node == NODES[0],
            )
            for node in NODES
        ),
        nodes=tuple(node_state(node) for node in NODES),
        services=tuple(instances(services_count)),
    )


def instances(services_count: int) -> Iterator[NodeServiceState]:
    """Yield every instance of this number of services."""
    return (instance(number, node) for number in range(services_count) for node in nodes_of(number))


def nodes_of(number: int) -> tuple[str, ...]:
    """Return the nodes of service `number`."""
    first = NODES[number % len(NODES)]
    return (first, NODES[(number + 2) % len(NODES)]) if number % 2 else (first,)


def routers_count(services_count: int) -> int:
    """Return the number of routers; a default route has one more for each node."""
    return sum(
        1 + len(nodes_of(number)) if is_default_routed(number) else 1
        for number in range(services_count)
    )


def instance(
    number: int, node: str, *, health: Health = "healthy", path: str = "/"
) -> NodeServiceState:
    """Return service `number` on a node; `path` is part of its rule if it has one."""
    name = f"service-{number}"
    endpoint = Endpoint(
        protocol="tcp",
        host=_address(node),
        port=HOST_PORT_MIN + number % 50_000,
        container_port=8080,
    )
    state = ServiceState(
        service=name,
        health=health,
        source="docker",
        instance=f"{number:012x}",
        image=f"registry.example.org/team/{name}:1.0",
        networks=("bridge",),
        labels=() if is_default_routed(number) else tuple(_labels(name, path)),
        endpoints=(endpoint,),
        exposed_ports=(8080,),
        created_at_utc_s=1_700_000_000.0 + number,
    )
    return NodeServiceState(node=node, state=state)


def is_default_routed(number: int) -> bool:
    """Return whether service `number` has no labels."""
    return number % 10 < DEFAULT_ROUTED_OF_TEN


def node_state(node: str, *, cordoned: bool = False) -> NamedNodeState:
    """Return the record of a node."""
    state = NodeState(address=_address(node), gossip_port=7946, actor_port=7947, cordoned=cordoned)
    return NamedNodeState(node=node, state=state)


def changed(version: int, *services: NodeServiceState) -> ClusterChanged:
    """Return change number `version`, of these services."""
    return ClusterChanged(version=version, snapshot=False, self_node=NODES[0], services=services)


def flipped(version: int, number: int) -> ClusterChanged:
    """Return change number `version`: service `number` is unhealthy if it is even, else healthy."""
    health: Health = "unhealthy" if version % 2 == 0 else "healthy"
    return changed(version, instance(number, nodes_of(number)[0], health=health))


def _labels(name: str, path: str) -> Iterator[Label]:
    router, headers = f"traefik.http.routers.{name}", f"traefik.http.middlewares.{name}.headers"
    values = {
        "traefik.enable": "true",
        f"{router}.rule": f"Host(`{name}.example.org`) && PathPrefix(`{path}`)",
        f"{router}.entrypoints": "websecure",
        f"{router}.tls.certresolver": "letsencrypt",
        f"{router}.middlewares": name,
        f"{headers}.stsseconds": "31536000",
        f"{headers}.framedeny": "true",
        f"traefik.http.services.{name}.loadbalancer.server.port": "8080",
    }
    return (Label(name=label, value=value) for label, value in values.items())


def _address(node: str) -> str:
    return f"10.0.0.{NODES.index(node) + 1}"
