"""What is degraded in a cluster, and what is only worth a note; in words, the worst first.

Degraded is what an operator should act on: a node that is dead or suspected, a service that should
run and does not, an actor that does not work, a part of a host that was there and is gone, an
agent that does not answer.  A node that left, the services it had, a service that its user
stopped, and a part that was never there are as somebody wanted them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from constellation.admin.cordon import healthy_on
from constellation.admin.words import counted
from constellation.cluster_view import ClusterView
from messages.admin import NodeStatus, PartReported, PartState
from messages.gossip import MemberState
from messages.lifecycle import ActorState
from messages.monitor import ServiceState

INSTANCES_NAMED_MAX = 3


def degraded(
    view: ClusterView, answered: Sequence[NodeStatus], unanswered: Sequence[str]
) -> tuple[str, ...]:
    """Return what is wrong with the cluster."""
    return (
        *_nodes_in(view, "dead"),
        *services_degraded(view),
        *_nodes_in(view, "suspect"),
        *_actors_in(answered, "given_up"),
        *_parts_in(answered, "lost", "does not work"),
        *_actors_in(answered, "backing_off"),
        *_silent(view, unanswered),
    )


def nodes_degraded(view: ClusterView) -> tuple[str, ...]:
    """Return what is wrong with its nodes, as seen from here."""
    return (*_nodes_in(view, "dead"), *_nodes_in(view, "suspect"))


def services_degraded(view: ClusterView) -> tuple[str, ...]:
    """Return what is wrong with its services: first those that nobody can use."""
    down = {service for service in view.services if is_down(view, service)}
    return (
        *(_down(view, service) for service in sorted(down)),
        *(
            f"service {service} on {node} is unhealthy: {_reason(state)}"
            for service, node, state in view.instances()
            if service not in down
            and state.health == "unhealthy"
            and not state.draining
            and view.is_living(node)
        ),
    )


def notes(view: ClusterView, answered: Sequence[NodeStatus]) -> tuple[str, ...]:
    """Return what explains why something is not there, and needs nobody."""
    left = [name for name in sorted(view.members) if view.members[name].state == "left"]
    return (
        *(f"node {name} has left the cluster" for name in left),
        *_cordoned(view),
        *_parts_in(answered, "absent", "is not there"),
    )


# Nodes.


def _nodes_in(view: ClusterView, state: MemberState) -> Iterator[str]:
    words = {
        "dead": "is dead: it answers nobody",
        "suspect": "is suspected to be dead: it did not answer the last probes",
    }
    for name in sorted(view.members):
        if view.members[name].state == state:
            yield f"node {name} {words[state]}"


def _silent(view: ClusterView, unanswered: Sequence[str]) -> Iterator[str]:
    for name in sorted(unanswered):
        member = view.members.get(name)
        if member is None or member.state in {"alive", "left"}:  # else that says it
            yield f"node {name} is there, but its agent did not say how it is in time"


def _cordoned(view: ClusterView) -> Iterator[str]:
    """Say what was ordered and is easily forgotten."""
    for name in sorted(view.members):
        if view.is_cordoned(name) and view.members[name].state != "left":
            reason = view.nodes[name].cordon_reason
            why = f": {reason}" if reason else ""
            count = len(healthy_on(view, name))
            kept = (
                f"; no requests go to {counted(count, 'service instance')} there" if count else ""
            )
            yield f"node {name} is cordoned{why}{kept}; `constellation uncordon {name}` ends that"


# Services.


def is_wanted(view: ClusterView, node: str, state: ServiceState) -> bool:
    """Return whether an instance should run: nobody stops it, nor took its node away."""
    member = view.members.get(node)
    has_left = member is not None and member.state == "left"
    return state.health != "stopped" and not state.draining and not has_left


def is_down(view: ClusterView, service: str) -> bool:
    """Return whether a service should run somewhere, and no request can go to it."""
    states = view.services[service]
    wanted = any(is_wanted(view, node, state) for node, state in states.items())
    return wanted and not view.routable(service)


def why_not_routable(view: ClusterView, node: str, state: ServiceState) -> str:
    """Return why an instance gets no requests; or what its monitor says, if it does."""
    if not view.is_living(node):
        member = view.members.get(node)
        return "its node is not known" if member is None else _gone(member.state)
    if state.draining:
        return "draining"
    if state.health == "healthy" and view.is_cordoned(node):
        reason = view.nodes[node].cordon_reason
        return "its node is cordoned" + (f": {reason}" if reason else "")
    return state.reason


def _gone(state: MemberState) -> str:
    return "its node has left" if state == "left" else f"its node is {state}"


def _down(view: ClusterView, service: str) -> str:
    states = view.services[service]
    wanted = [node for node in sorted(states) if is_wanted(view, node, states[node])]
    each = [_instance(view, node, states[node]) for node in wanted[:INSTANCES_NAMED_MAX]]
    if len(wanted) > INSTANCES_NAMED_MAX:
        each.append(f"and {len(wanted) - INSTANCES_NAMED_MAX} more")
    return f"service {service} cannot be reached anywhere: {'; '.join(each)}"


def _instance(view: ClusterView, node: str, state: ServiceState) -> str:
    why = why_not_routable(view, node, state)
    word = f"{state.health} on {node}" if view.is_living(node) else f"on {node}"
    return f"{word} ({why})" if why else word


def _reason(state: ServiceState) -> str:
    return state.reason or "its check does not say why"


# What is inside a node.


def _actors_in(answered: Sequence[NodeStatus], state: ActorState) -> Iterator[str]:
    words = {
        "given_up": "keeps failing and is given up for now",
        "backing_off": "is being restarted",
    }
    for status in answered:
        for actor in status.actors:
            if actor.state == state:
                why = f": {actor.last_exit}" if actor.last_exit else ""
                yield f"actor {actor.name} on {status.node} {words[state]}{why}"


def _parts_in(answered: Sequence[NodeStatus], state: PartState, what: str) -> Iterator[str]:
    """Say of each part that is in `state` where it is so: once where nodes say the same."""
    where: dict[PartReported, list[str]] = {}
    for status in answered:
        for part in status.parts:
            if part.state == state:
                where.setdefault(part, []).append(status.node)
    for part, nodes in where.items():
        because = "; ".join(text for text in (part.why, part.fix) if text)
        yield f"{part.part} on {', '.join(nodes)} {what}" + (f": {because}" if because else "")
