"""From what this node knows of the cluster to the reports that an operator asks for.

Degraded is what an operator should act on: a node that is dead or suspected, a service with an
instance that should run and does not, an actor that does not work, a part of a host that was there
and is gone.  A node that left, a service that its user stopped, and a part that was never there are
no degradation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from constellation.cluster_view import ClusterView
from messages.admin import (
    NodeRow,
    NodesReport,
    NodeStatus,
    ServiceRow,
    ServicesReport,
    StatusReport,
)
from messages.gossip import ClusterMember, NodeState
from messages.monitor import ServiceState


def status_report(
    view: ClusterView, nodes: Iterable[NodeStatus], unanswered: Sequence[str]
) -> StatusReport:
    """Return how the cluster is; `nodes` holds this node and those that answered."""
    answered = tuple(sorted(nodes, key=lambda status: status.node))
    instances = [*view.instances()]
    return StatusReport(
        self_node=view.self_node,
        nodes_alive=sum(member.state == "alive" for member in view.members.values()),
        nodes_total=sum(member.state != "left" for member in view.members.values()),
        services_healthy=sum(view.is_routable(service, node) for service, node, _ in instances),
        services_total=sum(state.health != "stopped" for _, _, state in instances),
        degraded=tuple(_problems(view, answered, unanswered)),
        nodes=answered,
        unanswered=tuple(sorted(unanswered)),
    )


def _problems(
    view: ClusterView, answered: Sequence[NodeStatus], unanswered: Sequence[str]
) -> Iterator[str]:
    for name in sorted(view.members):
        if view.members[name].state == "dead":
            yield f"node {name} is dead: it answers nobody"
        elif view.members[name].state == "suspect":
            yield f"node {name} is suspected to be dead: it did not answer the last probes"
    for name in sorted(unanswered):
        if name in view.members and view.members[name].state != "alive":
            continue  # that says it
        yield f"node {name} lives, but its agent did not say how it is in time"
    for status in answered:
        yield from _problems_of_node(status)
    for service in sorted(view.services):
        yield from _problems_of_service(view, service)


def _problems_of_node(status: NodeStatus) -> Iterator[str]:
    for actor in status.actors:
        if actor.state in {"backing_off", "given_up"}:
            word = "is given up for now" if actor.state == "given_up" else "is being restarted"
            why = f": {actor.last_exit}" if actor.last_exit else ""
            yield f"actor {actor.name} on {status.node} {word}{why}"
    for part in status.parts:
        if part.state == "lost":
            yield f"{part.part} on {status.node} is gone: {part.why}; {part.fix}"


def _problems_of_service(view: ClusterView, service: str) -> Iterator[str]:
    states = view.services[service]
    for node in sorted(states):
        if states[node].health == "unhealthy" and view.is_living(node):
            yield f"service {service} on {node} is unhealthy: {_reason(states[node])}"
    wanted = [node for node in states if states[node].health != "stopped"]
    if wanted and not view.routable(service):
        yield f"service {service} has no instance that requests can go to"


def _reason(state: ServiceState) -> str:
    return state.reason or "its check does not say why"


def nodes_report(view: ClusterView, ages_s: Mapping[str, float]) -> NodesReport:
    """Return the nodes of the cluster: those that are in trouble first, then by name.

    `ages_s` says for how many seconds each member has been in its state.
    """
    order = {"dead": 0, "suspect": 1, "alive": 2, "left": 3}
    members = sorted(view.members.values(), key=lambda member: (order[member.state], member.node))
    return NodesReport(
        nodes=tuple(_node_row(view, one, ages_s.get(one.node, 0.0)) for one in members)
    )


def _node_row(view: ClusterView, member: ClusterMember, age_s: float) -> NodeRow:
    state = view.nodes.get(member.node) or _unsaid(member)
    instances = [found for _, node, found in view.instances() if node == member.node]
    return NodeRow(
        node=member.node,
        state=member.state,
        is_self=member.is_self,
        address=state.address,
        priority=state.priority,
        cordoned=state.cordoned,
        capabilities=state.capabilities,
        agent_version=state.agent_version,
        services_healthy=sum(found.health == "healthy" for found in instances),
        services_total=len(instances),
        changed_ago_s=max(0.0, age_s),
    )


def _unsaid(member: ClusterMember) -> NodeState:
    """Return what stands for a node that has not said anything of itself yet."""
    return NodeState(address=member.address, gossip_port=member.port or 1, actor_port=1)


def services_report(view: ClusterView) -> ServicesReport:
    """Return every service on every node, by name."""
    return ServicesReport(
        services=tuple(
            ServiceRow(
                service=service,
                node=node,
                health=state.health,
                reason=_why_not(view, node, state),
                source=state.source,
                image=state.image,
                endpoints=state.endpoints,
                routable=view.is_routable(service, node),
            )
            for service, node, state in view.instances()
        )
    )


def _why_not(view: ClusterView, node: str, state: ServiceState) -> str:
    if state.health == "healthy" and not view.is_living(node):
        member = view.members.get(node)
        return f"its node is {member.state if member else 'unknown'}"
    if state.health == "healthy" and view.is_cordoned(node):
        return "its node is cordoned"
    return state.reason
