"""The reports for operators, from what this node knows of the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from constellation.cluster_view import ClusterView, InstanceId
from constellation.leases.view import NO_LEASES, LeaseView
from constellation.value import Value
from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from constellation.wellness.routes import has_dead_traefiks_only
from constellation.wellness.services import is_wanted, why_not_routable
from messages.admin import StatusReport
from messages.gossip import ClusterMember, NodeState
from messages.listings import (
    NodeRow,
    NodesReport,
    ServiceRow,
    ServicesReport,
)
from messages.monitor import ServiceState

WORST_FIRST = {"dead": 0, "suspect": 1, "alive": 2, "left": 3}


def status_report(facts: Facts, leases: LeaseView = NO_LEASES) -> StatusReport:
    """Return the status of the cluster; without a view of it, that of this node only."""
    view, verdict, counts = facts.view, judge(facts), _count_instances(facts)
    return StatusReport(
        self_node=view.self_node or facts.own_node,
        is_cluster_known=view.known,
        nodes_alive=sum(member.state == "alive" for member in view.members.values()),
        nodes_total=sum(member.state != "left" for member in view.members.values()),
        services_healthy=counts.serving.total(),
        services_total=counts.wanted.total(),
        degraded=verdict.degraded(),
        notes=verdict.notes_on(),
        absent=tuple(one.text for one in verdict.absent),
        nodes=facts.statuses,
        unanswered=facts.unanswered,
        leader=leases.leader,
        leases=leases.holders,
    )


class _Counts(Value):
    """Instances by node: those that get requests, and those that should."""

    serving: Counter[str]
    wanted: Counter[str]


def _count_instances(facts: Facts) -> _Counts:
    view = facts.view
    instances = [*view.instances()]
    unserved = _unserved(facts)
    serving = Counter(
        node
        for _, node, state in instances
        if view.is_routable(node, state) and (node, state.key) not in unserved
    )
    if has_dead_traefiks_only(facts):
        serving.clear()
    wanted = Counter(node for _, node, state in instances if is_wanted(view, node, state))
    return _Counts(serving, wanted)


def _unserved(facts: Facts) -> dict[InstanceId, str]:
    """Return why healthy instances get no requests through this node's Traefik."""
    rows = facts.routes.unserved if facts.routes is not None else ()
    return {InstanceId(row.node, row.name): row.why for row in rows}


def nodes_report(facts: Facts, ages_s: Mapping[str, float]) -> NodesReport:
    """Return the nodes of the cluster: those in trouble first, then by name.

    `ages_s` holds for how many seconds each member has been in its state.
    """
    view = facts.view
    members = sorted(view.members.values(), key=lambda one: (WORST_FIRST[one.state], one.node))
    counts = _count_instances(facts)
    return NodesReport(
        nodes=tuple(_node_row(view, one, counts, ages_s.get(one.node, 0.0)) for one in members),
        degraded=judge(facts).degraded("cluster", "node", "actor", "host"),
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


def services_report(facts: Facts) -> ServicesReport:
    """Return every instance of every service: services in trouble first, then by name."""
    view, unserved = facts.view, _unserved(facts)
    instances = [*view.instances()]
    rows = [_service_row(view, node, state, unserved) for _, node, state in instances]
    troubled = {
        service
        for service, node, state in instances
        if is_wanted(view, node, state)
        and (not view.is_routable(node, state) or InstanceId(node, state.key) in unserved)
    }
    return ServicesReport(
        services=tuple(sorted(rows, key=lambda row: row.service not in troubled)),
        degraded=judge(facts).degraded("cluster", "service", "route"),
    )


def _service_row(
    view: ClusterView, node: str, state: ServiceState, unserved: Mapping[InstanceId, str]
) -> ServiceRow:
    why = unserved.get(InstanceId(node, state.key), "")
    return ServiceRow(
        service=state.service,
        node=node,
        instance=state.key,
        health=state.health,
        reason=why or why_not_routable(view, node, state),
        source=state.source,
        image=state.image,
        endpoints=state.endpoints,
        routable=view.is_routable(node, state) and not why,
    )
