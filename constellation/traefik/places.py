"""How the instances of each node are reached from this node, and whether they get requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.reach import Place
from constellation.traefik.trust import Address, Trust, address_of
from constellation.value import Value


class NodePlace(Value):
    """One node: its place, and why its instances get no requests; empty: they do.

    `warp_fault` is the same for those that need WARP.
    """

    place: Place
    left_out: str
    warp_fault: str = ""


class Places(Value):
    """Everything about the nodes that routing depends on.  Equal places make equal bodies.

    `peers` are the addresses from which other nodes pass requests on.  They include nodes that left
    or died until gossip forgets them: their Traefik may still run without the agent.
    """

    self_node: str
    nodes: Mapping[str, NodePlace]
    peers: tuple[str, ...]
    trust: Trust

    def of(self, node: str) -> NodePlace:
        """Return the place of `node`; a node that is not a member is left out."""
        return self.nodes.get(node, _UNKNOWN)

    def changed(self, now: Places) -> frozenset[str] | None:
        """Return the nodes whose instances must be composed again; None: all nodes."""
        if (self.self_node, self.peers, self.trust) != (now.self_node, now.peers, now.trust):
            return None
        names = self.nodes.keys() | now.nodes.keys()
        return frozenset(name for name in names if self.of(name) != now.of(name))


_UNKNOWN = NodePlace(Place(), "its node is not a member of the cluster")


def places(view: ClusterView, settings: TraefikSettings) -> Places:
    """Return the places of all nodes in `view`."""
    names = {*view.members, *view.nodes}
    trust = _trust(view)
    return Places(
        view.self_node,
        {
            name: NodePlace(
                _place(view, name, settings, trust), _left_out(view, name), view.warp_fault(name)
            )
            for name in names
        },
        tuple(sorted({network for name in names for network in _networks(view, name, trust)})),
        trust,
    )


def _trust(view: ClusterView) -> Trust:
    """Return what gossip, not what records say of the nodes' addresses."""
    found = {name: address_of(member.address) for name, member in view.members.items()}
    own = found.get(view.self_node)
    if own is not None and own.is_loopback:
        return Trust({}, is_one_host=True)
    owners: dict[str, set[str]] = {}
    for name, address in found.items():
        if address is not None:
            owners.setdefault(str(address), set()).add(name)
    return Trust({one: frozenset(names) for one, names in owners.items()}, is_one_host=False)


def _place(view: ClusterView, node: str, settings: TraefikSettings, trust: Trust) -> Place:
    if node == view.self_node:
        return Place(reaches_containers=settings.reaches_containers)
    state, address = view.nodes.get(node), _address(view, node, trust)
    if state is None or not state.ingress_port or address is None:
        return Place()
    host = f"[{address}]" if address.version == 6 else str(address)
    # Before 3.7.6 Traefik could not upgrade a connection, e.g. to a WebSocket, to such a server.
    is_upgraded = settings.version == "3.7"
    hop_of_https: Literal["http", "h2c"] = "h2c" if is_upgraded else "http"
    return Place(ingress=f"{host}:{state.ingress_port}", hop_of_https=hop_of_https)


def _left_out(view: ClusterView, node: str) -> str:
    member = view.members.get(node)
    if member is None:
        return _UNKNOWN.left_out
    if not view.is_living(node):
        return "its node has left" if member.state == "left" else "its node is dead"
    if not view.is_cordoned(node):
        return ""
    reason = view.nodes[node].cordon_reason
    return f"its node is cordoned: {reason}" if reason else "its node is cordoned"


def _address(view: ClusterView, node: str, trust: Trust) -> Address | None:
    """Return the address of a node, if its record and gossip agree about it."""
    state, member = view.nodes.get(node), view.members.get(node)
    address = address_of(state.address) if state is not None else None
    if address is None or member is None or address != address_of(member.address):
        return None
    return None if trust.wrong_with(str(address), node, of_container=True) else address


def _networks(view: ClusterView, node: str, trust: Trust) -> tuple[str, ...]:
    """Return the node's address as a network; on loopback a sender may use any address of it."""
    address = _address(view, node, trust)
    if address is None:
        return ()
    if address.is_loopback:
        return ("127.0.0.0/8",) if address.version == 4 else ("::1",)
    return (str(address),)
