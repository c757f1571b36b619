"""The reports for operators, from what this node knows of the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from constellation.admin.lease_view import NO_LEASES, LeaseView
from constellation.admin.problems import (
    degraded,
    is_wanted,
    nodes_degraded,
    notes,
    services_degraded,
    why_not_routable,
)
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

WORST_FIRST = {"dead": 0, "suspect": 1, "alive": 2, "left": 3}


def status_report(
    view: ClusterView,
    nodes: Iterable[NodeStatus],
    unanswered: Sequence[str],
    leases: LeaseView = NO_LEASES,
    *,
    own_node: str = "",
    cluster_problem: str = "",
) -> StatusReport:
    """Return the status of the cluster; `nodes` holds this node and those that answered.

    `cluster_problem` explains why `view` is out of date or not known; without a view the report is
    about `own_node` only.
    """
    answered = tuple(sorted(nodes, key=lambda status: status.node))
    counts = _count_instances(view)
    return StatusReport(
        self_node=view.self_node or own_node,
        is_cluster_known=view.known,
        nodes_alive=sum(member.state == "alive" for member in view.members.values()),
        nodes_total=sum(member.state != "left" for member in view.members.values()),
        services_healthy=counts.serving.total(),
        services_total=counts.wanted.total(),
        degraded=(*_stated(cluster_problem), *degraded(view, answered, unanswered)),
        notes=notes(view, answered),
        nodes=answered,
        unanswered=tuple(sorted(unanswered)),
        leader=leases.leader,
        leases=leases.holders,
    )


def _stated(problem: str) -> tuple[str, ...]:
    return (problem,) if problem else ()


@dataclass(frozen=True, slots=True)
class _Counts:
    """Instances by node: those that get requests, and those that should."""

    serving: Counter[str]
    wanted: Counter[str]


def _count_instances(view: ClusterView) -> _Counts:
    instances = [*view.instances()]
    return _Counts(
        Counter(node for _, node, state in instances if view.is_routable(node, state)),
        Counter(node for _, node, state in instances if is_wanted(view, node, state)),
    )


def nodes_report(
    view: ClusterView, ages_s: Mapping[str, float], *, cluster_problem: str = ""
) -> NodesReport:
    """Return the nodes of the cluster: those in trouble first, then by name.

    `ages_s` holds for how many seconds each member has been in its state.
    """
    members = sorted(view.members.values(), key=lambda one: (WORST_FIRST[one.state], one.node))
    counts = _count_instances(view)
    return NodesReport(
        nodes=tuple(_node_row(view, one, counts, ages_s.get(one.node, 0.0)) for one in members),
        degraded=(*_stated(cluster_problem), *nodes_degraded(view)),
    )


def _node_row(view: ClusterView, member: ClusterMember, counts: _Counts, age_s: float) -> NodeRow:
    state = view.nodes.get(member.node) or _default_state(member)
    return NodeRow(
        node=member.node,
        state=member.state,
        is_self=member.is_self,
        address=state.address,
        priority=state.priority,
        cordoned=state.cordoned,
        cordon_reason=state.cordon_reason,
        capabilities=state.capabilities,
        agent_version=state.agent_version,
        services_healthy=counts.serving[member.node],
        services_total=counts.wanted[member.node],
        changed_ago_s=max(0.0, age_s),
    )


def _default_state(member: ClusterMember) -> NodeState:
    """Return the state of a node whose own record is not known yet."""
    return NodeState(address=member.address, gossip_port=member.port or 1, actor_port=1)


def services_report(view: ClusterView, *, cluster_problem: str = "") -> ServicesReport:
    """Return every instance of every service: services in trouble first, then by name."""
    instances = [*view.instances()]
    rows = [_service_row(view, node, state) for _, node, state in instances]
    troubled = {
        service
        for service, node, state in instances
        if is_wanted(view, node, state) and not view.is_routable(node, state)
    }
    return ServicesReport(
        services=tuple(sorted(rows, key=lambda row: row.service not in troubled)),
        degraded=(*_stated(cluster_problem), *services_degraded(view)),
    )


def _service_row(view: ClusterView, node: str, state: ServiceState) -> ServiceRow:
    return ServiceRow(
        service=state.service,
        node=node,
        instance=state.key,
        health=state.health,
        reason=why_not_routable(view, node, state),
        source=state.source,
        image=state.image,
        endpoints=state.endpoints,
        routable=view.is_routable(node, state),
    )
