"""Services that should run, and whether an instance can take requests."""

from __future__ import annotations

from collections.abc import Iterator

from constellation.cluster_view import ClusterView
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Problem
from messages.gossip import MemberState
from messages.monitor import ServiceState

INSTANCES_NAMED_MAX = 3


def down(facts: Facts) -> Iterator[Problem]:
    """Yield the services that nobody can use."""
    for service in sorted(facts.view.services):
        if is_down(facts.view, service):
            yield Problem("service", _down(facts.view, service))


def unhealthy(facts: Facts) -> Iterator[Problem]:
    """Yield the unhealthy instances of services that others serve."""
    view = facts.view
    for service, node, state in view.instances():
        is_ill = state.health == "unhealthy" and not state.draining
        if is_ill and view.is_living(node) and not is_down(view, service):
            why = state.reason or "its health check gave no reason"
            yield Problem(
                "service",
                f"service {service} on {where(node, state.service, state.key)} is unhealthy: {why}",
            )


def is_wanted(view: ClusterView, node: str, state: ServiceState) -> bool:
    """Return whether an instance should run: it was not stopped, and its node has not left."""
    member = view.members.get(node)
    has_left = member is not None and member.state == "left"
    return state.health != "stopped" and not state.draining and not has_left


def is_down(view: ClusterView, service: str) -> bool:
    """Return whether a service should run somewhere and no instance can take requests.

    A static service whose first checks are not concluded is neither up nor down.
    """
    wanted = any(
        is_wanted(view, one.node, state) and not _is_unjudged(view, one.node, state)
        for one, state in view.services[service].items()
    )
    return wanted and not view.routable(service)


def _is_unjudged(view: ClusterView, node: str, state: ServiceState) -> bool:
    return state.source == "static" and state.health == "starting" and view.is_living(node)


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
    if state.health == "healthy" and view.lacks_warp(node, state):
        return view.warp_fault(node)
    return state.reason


def _gone(state: MemberState) -> str:
    return "its node has left" if state == "left" else f"its node is {state}"


def _down(view: ClusterView, service: str) -> str:
    states = sorted(view.services[service].items())
    wanted = [(one.node, state) for one, state in states if is_wanted(view, one.node, state)]
    each = [_instance(view, *one) for one in wanted[:INSTANCES_NAMED_MAX]]
    if len(wanted) > INSTANCES_NAMED_MAX:
        each.append(f"and {len(wanted) - INSTANCES_NAMED_MAX} more")
    return f"service {service} is down: {'; '.join(each)}"


def _instance(view: ClusterView, node: str, state: ServiceState) -> str:
    why = why_not_routable(view, node, state)
    on = where(node, state.service, state.key)
    word = f"{state.health} on {on}" if view.is_living(node) else f"on {on}"
    return f"{word} ({why})" if why else word


def where(node: str, service: str, name: str) -> str:
    """Return the node, with the name of the instance if that is not the service's."""
    return node if name == service else f"{node} ({name})"
