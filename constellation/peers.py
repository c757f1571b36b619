"""The admin actors of the other living nodes, as their records say where they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from constellation.cluster_view import ClusterView
from constellation.value import Value
from messages.gossip import ClusterChanged, NodeState


class Peers(Value):
    """All living nodes but this one."""

    addresses: Mapping[str, tuple[str, int]]  # host and port of each node's actor system
    unreachable: tuple[str, ...]  # those that have not said where theirs is


def find_peers(view: ClusterView) -> Peers:
    """Return whom this node can ask.

    An address is another node's word: one that is no IP address would be looked up, or raise.
    """
    others = [name for name in sorted(view.members) if name != view.self_node]
    living = {name: view.nodes.get(name) for name in others if view.is_living(name)}
    addresses = {
        name: (state.address, state.actor_port)
        for name, state in living.items()
        if state is not None and _has_ip_address(state)
    }
    return Peers(addresses, tuple(name for name in living if name not in addresses))


def actor_systems(view: ClusterView) -> dict[str, tuple[str, int]]:
    """Return host and port of the actor systems of all other nodes, living or not."""
    return {
        name: (state.address, state.actor_port)
        for name, state in view.nodes.items()
        if name != view.self_node and _has_ip_address(state)
    }


def _has_ip_address(state: NodeState) -> bool:
    try:
        address = ipaddress.ip_address(state.address)
    except ValueError:
        return False
    # A scope names an interface of the node that wrote it, and may be text of any kind.
    return address.version == 4 or address.scope_id is None


def states_since_s(
    before: Mapping[str, float], change: ClusterChanged, now_s: float
) -> dict[str, float]:
    """Return since when each member has been in its state, after a `change` that was applied."""
    since_s = {} if change.snapshot else dict(before)
    for member in change.members:
        since_s[member.node] = now_s - member.changed_ago_s
    for name in change.departed_members:
        since_s.pop(name, None)
    return since_s
