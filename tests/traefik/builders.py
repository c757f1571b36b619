"""Builders of the cluster's state for tests."""

from __future__ import annotations

from typing import Any

from constellation.cluster_view import ClusterView
from messages.gossip import (
    ClusterChanged,
    ClusterMember,
    MemberState,
    NamedNodeState,
    NodeServiceState,
    NodeState,
)
from messages.monitor import Endpoint, Health, Label, ServiceState


def endpoint(container_port: int = 80, port: int = 8080, host: str = "127.0.0.1") -> Endpoint:
    return Endpoint(protocol="tcp", host=host, port=port, container_port=container_port)


def state(
    service: str = "web",
    health: Health = "healthy",
    endpoints: tuple[Endpoint, ...] | None = None,
    exposed_ports: tuple[int, ...] = (),
    **labels: Any,
) -> ServiceState:
    """`labels` are written with `__` for dots and start below `traefik.`."""
    return ServiceState(
        service=service,
        health=health,
        source="docker",
        instance="c1",
        endpoints=(endpoint(),) if endpoints is None else endpoints,
        exposed_ports=exposed_ports,
        labels=tuple(
            Label(name="traefik." + name.replace("__", "."), value=value)
            for name, value in labels.items()
        ),
    )


def member(node: str, living: MemberState = "alive", *, is_self: bool = False) -> ClusterMember:
    return ClusterMember(
        node=node, state=living, address="127.0.0.1", port=7946, incarnation=1, is_self=is_self
    )


def node_state(node: str, *, cordoned: bool = False) -> NamedNodeState:
    said = NodeState(address="127.0.0.1", gossip_port=7946, actor_port=7947, cordoned=cordoned)
    return NamedNodeState(node=node, state=said)


def on(node: str, service_state: ServiceState) -> NodeServiceState:
    return NodeServiceState(node=node, state=service_state)


def snapshot(
    *services: NodeServiceState,
    version: int = 1,
    self_node: str = "alpha",
    members: tuple[ClusterMember, ...] | None = None,
    nodes: tuple[NamedNodeState, ...] = (),
) -> ClusterChanged:
    """Without `members` every node is alive.

    A member has the address that its node's record says.
    """
    if members is None:
        names = sorted({self_node, *(one.node for one in services), *(one.node for one in nodes)})
        members = tuple(member(name, is_self=name == self_node) for name in names)
    addresses = {item.node: item.state.address for item in nodes}
    members = tuple(
        one.model_copy(update={"address": addresses.get(one.node, one.address)}) for one in members
    )
    return ClusterChanged(
        version=version,
        snapshot=True,
        self_node=self_node,
        members=members,
        nodes=nodes,
        services=services,
    )


def view(*services: NodeServiceState, **fields: object) -> ClusterView:
    return ClusterView().apply(snapshot(*services, **fields))  # type: ignore[arg-type]
