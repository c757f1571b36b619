"""A cluster in trouble, and short ways to write what its nodes say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from constellation.admin import reports
from constellation.cluster_view import ClusterView
from constellation.leases.view import NO_LEASES, LeaseView
from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from messages.admin import (
    NodeStatus,
    PartReported,
    PartState,
    StatusReport,
)
from messages.gossip import ClusterMember, MemberState, NamedNodeState, NodeServiceState, NodeState
from messages.lifecycle import ActorState, ActorStatus
from messages.listings import NodesReport, ServicesReport
from messages.monitor import Endpoint, Health, ServiceState
from tests.traefik.builders import view

AGES_S = {"alpha": 11_530.4, "beta": 11_500.0, "gamma": 42.0, "delta": 3.5, "epsilon": 200_000.0}


def member(node: str, state: MemberState = "alive") -> ClusterMember:
    return ClusterMember(
        node=node,
        state=state,
        address="10.9.9.9",
        port=7946,
        incarnation=1,
        is_self=node == "alpha",
    )


def members(**states: MemberState) -> tuple[ClusterMember, ...]:
    """Write `alpha`, which is this node, and those named."""
    return tuple(member(node, state) for node, state in {"alpha": "alive", **states}.items())


def said(node: str, address: str = "10.0.0.1", **fields: Any) -> NamedNodeState:
    known: dict[str, Any] = {
        "gossip_port": 7946,
        "actor_port": 7947,
        "capabilities": ("docker", "traefik"),
        "agent_version": "0.1.0",
    }
    return NamedNodeState(node=node, state=NodeState(address=address, **{**known, **fields}))


def service(
    service: str, node: str, health: Health = "healthy", reason: str = "", **fields: Any
) -> NodeServiceState:
    known: dict[str, Any] = {"source": "docker", "instance": "c1"}
    state = ServiceState(service=service, health=health, reason=reason, **{**known, **fields})
    return NodeServiceState(node=node, state=state)


def at(host: str, port: int, **fields: Any) -> Endpoint:
    known: dict[str, Any] = {"protocol": "tcp", "container_port": 80}
    return Endpoint(host=host, port=port, **{**known, **fields})


def actor(name: str, state: ActorState = "running", **fields: Any) -> ActorStatus:
    known: dict[str, Any] = {"process_id": 7, "restart_count": 0}
    return ActorStatus(name=name, state=state, **{**known, **fields})


def part(name: str, state: PartState, why: str = "", fix: str = "") -> PartReported:
    return PartReported(part=name, state=state, why=why, fix=fix)


def status(node: str, *actors: ActorStatus, **fields: Any) -> NodeStatus:
    known: dict[str, Any] = {"agent_version": "0.1.0", "uptime_s": 11_530.4}
    return NodeStatus(
        node=node, actors=actors or (actor("gossip"), actor("http")), **{**known, **fields}
    )


def cluster_in_trouble() -> ClusterView:
    """Return what alpha sees of five nodes: one is dead, one suspected, one has left."""
    return view(
        service("web", "alpha", endpoints=(at("10.0.0.1", 8080),)),
        service("web", "gamma", endpoints=(at("10.0.0.3", 8080),)),
        service("db", "gamma", endpoints=(at("10.0.0.3", 5432),)),
        service("api", "beta", "unhealthy", "GET /health answered 503", endpoints=()),
        service(
            "api", "alpha", endpoints=(at("10.0.0.1", 9000), at("10.0.0.1", 53, protocol="udp"))
        ),
        service("old", "beta", "stopped", "exited with 0"),
        service("wiki", "epsilon"),
        members=members(beta="alive", gamma="dead", delta="suspect", epsilon="left"),
        nodes=(
            said("alpha", "10.0.0.1", priority=10),
            said("beta", "10.0.0.2", cordoned=False),
            said("gamma", "10.0.0.3", capabilities=()),
            said("epsilon", "10.0.0.5"),
        ),
    )


def statuses() -> tuple[NodeStatus, ...]:
    docker_away = part("docker", "lost", "connection refused", "start Docker")
    no_dns = part("dns", "absent", "DNS records are not managed", "set them yourself")
    return (
        status("beta", actor("gossip"), actor("docker"), parts=(no_dns, docker_away)),
        status(
            "alpha",
            actor("gossip", restart_count=1, last_exit="its process ended"),
            actor("http", "backing_off", restart_count=2, last_exit="its process ended"),
            actor("docker", "given_up", restart_count=11, last_exit="it did not answer for 12 s"),
            parts=(no_dns,),
        ),
    )


# What is reported of a cluster that alpha sees.


def facts(
    cluster: ClusterView,
    answered: Iterable[NodeStatus] = (),
    unanswered: Iterable[str] = (),
    **fields: Any,
) -> Facts:
    return Facts.of("alpha", cluster, answered, unanswered, **fields)


def degraded(
    cluster: ClusterView, answered: Iterable[NodeStatus] = (), unanswered: Iterable[str] = ()
) -> tuple[str, ...]:
    return judge(facts(cluster, answered, unanswered)).degraded()


def status_report(
    cluster: ClusterView,
    answered: Iterable[NodeStatus] = (),
    unanswered: Iterable[str] = (),
    leases: LeaseView = NO_LEASES,
    **fields: Any,
) -> StatusReport:
    return reports.status_report(facts(cluster, answered, unanswered, **fields), leases)


def nodes_report(cluster: ClusterView, ages_s: Mapping[str, float]) -> NodesReport:
    return reports.nodes_report(facts(cluster), ages_s)


def services_report(cluster: ClusterView) -> ServicesReport:
    return reports.services_report(facts(cluster))
