"""What is degraded in a cluster, and what is only worth a note; in words, the worst first.

Degraded is what an operator should act on: a node that is dead or suspected, a service that should
run and does not, an actor that fails, a part of a host that was lost, an agent that does not
answer.  A node that left, its services, a service that its user stopped, and a part that was never
present are intended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from constellation.admin.cordon import healthy_on
from constellation.admin.words import counted, duration
from constellation.cluster_view import ClusterView
from constellation.wellness.troubles import worst_first
from messages.admin import NodeStatus, PartReported, PartState
from messages.gossip import MemberState
from messages.lifecycle import ActorState, ActorStatus
from messages.monitor import ServiceState
from messages.wellness import Trouble

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
        *_troubles_in(answered, is_note=False),
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
    """Return what explains why something is absent, and needs no action."""
    left = [name for name in sorted(view.members) if view.members[name].state == "left"]
    return (
        *(f"node {name} has left the cluster" for name in left),
        *_cordoned(view),
        *_parts_in(answered, "absent", "is absent"),
        *_troubles_in(answered, is_note=True),
    )


# Nodes.


def _nodes_in(view: ClusterView, state: MemberState) -> Iterator[str]:
    words = {
        "dead": "is dead: it does not respond",
        "suspect": "is suspected to be dead: it did not respond to the latest probes",
    }
    for name in sorted(view.members):
        if view.members[name].state == state:
            yield f"node {name} {words[state]}"


def _silent(view: ClusterView, unanswered: Sequence[str]) -> Iterator[str]:
    for name in sorted(unanswered):
        member = view.members.get(name)
        if member is None or member.state in {"alive", "left"}:  # else its state is reported
            yield f"node {name} is alive, but its agent did not report its status in time"


def _cordoned(view: ClusterView) -> Iterator[str]:
    """Recall an order that is easily forgotten."""
    for name in sorted(view.members):
        if view.is_cordoned(name) and view.members[name].state != "left":
            reason = view.nodes[name].cordon_reason
            why = f": {reason}" if reason else ""
            count = len(healthy_on(view, name))
            get = "gets" if count == 1 else "get"
            kept = (
                f"; {counted(count, 'service instance')} there {get} no requests" if count else ""
            )
            yield f"node {name} is cordoned{why}{kept}; `constellation uncordon {name}` ends it"


# Services.


def is_wanted(view: ClusterView, node: str, state: ServiceState) -> bool:
    """Return whether an instance should run: it was not stopped, and its node has not left."""
    member = view.members.get(node)
    has_left = member is not None and member.state == "left"
    return state.health != "stopped" and not state.draining and not has_left


def is_down(view: ClusterView, service: str) -> bool:
    """Return whether a service should run somewhere and no instance can take requests."""
    states = view.services[service]
    wanted = any(is_wanted(view, node, state) for node, state in states.items())
    return wanted and not view.routable(service)


def why_not_routable(view: ClusterView, node: str, state: ServiceState) -> str:
    """Return why an instance gets no requests; if it does, what its monitor reports."""
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
    return f"service {service} is down: {'; '.join(each)}"


def _instance(view: ClusterView, node: str, state: ServiceState) -> str:
    why = why_not_routable(view, node, state)
    word = f"{state.health} on {node}" if view.is_living(node) else f"on {node}"
    return f"{word} ({why})" if why else word


def _reason(state: ServiceState) -> str:
    return state.reason or "its health check gave no reason"


# What is inside a node.


def _actors_in(answered: Sequence[NodeStatus], state: ActorState) -> Iterator[str]:
    words = {
        "given_up": "keeps failing and is restarted only slowly",
        "backing_off": "is being restarted",
    }
    for status in answered:
        for actor in status.actors:
            if actor.state == state:
                why = f": {actor.last_exit}" if actor.last_exit else ""
                see = "; see its log" if state == "given_up" else ""
                text = f"actor {actor.name} on {status.node} {words[state]}{why}"
                yield f"{text}{_times(actor)}{see}"


def _times(actor: ActorStatus) -> str:
    times = []
    if actor.down_for_s:
        times.append(f"down for {duration(actor.down_for_s)}")
    if actor.next_try_in_s:
        times.append(f"next try in {duration(actor.next_try_in_s)}")
    return f"; {', '.join(times)}" if times else ""


def _parts_in(answered: Sequence[NodeStatus], state: PartState, what: str) -> Iterator[str]:
    """Name the nodes of each part that is in `state`: in one line where the reasons are equal."""
    where: dict[PartReported, list[str]] = {}
    for status in answered:
        for part in status.parts:
            if part.state == state:
                where.setdefault(part, []).append(status.node)
    for part, nodes in where.items():
        because = "; ".join(text for text in (part.why, part.fix) if text)
        yield f"{part.part} on {', '.join(nodes)} {what}" + (f": {because}" if because else "")


def _troubles_in(answered: Sequence[NodeStatus], *, is_note: bool) -> Iterator[str]:
    """Name the nodes of each trouble: in one line where it is the same."""
    where: dict[Trouble, list[str]] = {}
    for status in answered:
        for trouble in status.troubles:
            if trouble.is_note == is_note:
                where.setdefault(trouble, []).append(status.node)
    for trouble in sorted(where, key=worst_first):
        because = "; ".join(text for text in (trouble.why, trouble.fix) if text)
        text = f"{trouble.what} on {', '.join(where[trouble])}"
        yield f"{text}: {because}" if because else text
    unlisted = {one.node: one.troubles_unlisted for one in answered if one.troubles_unlisted}
    if unlisted and not is_note:
        yield f"{counted(sum(unlisted.values()), 'further trouble')} on {', '.join(unlisted)}"
