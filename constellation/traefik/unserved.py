"""Healthy instances that get no requests from this node, and why.

An instance that asks for no route, such as one that is only monitored, is not among them; nor is a
replica of a TCP service, whose requests go to the primary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from constellation.cluster_view import ClusterView
from constellation.traefik.composition import Composition
from constellation.traefik.elements import AGENT, Instance
from constellation.traefik.rejection import Rejection
from constellation.traefik.resolution import PROTOCOLS, leaves
from constellation.traefik.service_servers import Backend
from messages.routes import UnservedRow

TRAEFIK = "traefik"  # the capability of a node whose Traefik works
_NO_ROUTER = "no router leads to it"


def unserved(
    composition: Composition, view: ClusterView, rejected: Iterable[Rejection]
) -> list[UnservedRow]:
    """Return the instances that should get requests and do not, by name."""
    served, left_out = _reached(composition, view)
    reasons = _reasons(rejected)
    wanting: set[Instance] = set()
    for key in composition.contributions:
        if key.section == "routers":
            wanting.update(composition.contributions.instances(key))
    rows = []
    for service, instances in view.services.items():
        for (node, name), state in instances.items():
            instance = Instance(service, node, name)
            if instance in served or not view.is_routable(node, state):
                continue
            why = left_out.get(instance) or reasons.get((service, node))
            if why is None and instance in wanting:
                why = _NO_ROUTER
            if why:
                rows.append(UnservedRow(service=service, node=node, name=name, why=why))
    return sorted(rows, key=lambda row: (row.service, row.node, row.name))


def _reached(
    composition: Composition, view: ClusterView
) -> tuple[set[Instance], dict[Instance, str]]:
    """Return the instances to which a router leads, and why others behind one are left out."""
    served: set[Instance] = set()
    left_out: dict[Instance, str] = {}
    for backend in _behind_routers(composition):
        why = backend.left_out or _behind_dead_traefik(backend, view)
        if not why:
            served.add(backend.instance)
        elif backend.is_spare:
            left_out.setdefault(backend.instance, "")
        else:
            left_out.setdefault(backend.instance, why)
    return served, left_out


def _behind_routers(composition: Composition) -> Iterator[Backend]:
    document = composition.document
    for protocol in PROTOCOLS:
        names = {
            str(config["service"])
            for key, config in composition.routers.items()
            if key.protocol == protocol and key.origin.writer != AGENT.writer
        }
        keys = {key._replace(variant="") for key in leaves(document, protocol, names)}
        for key in keys:
            composed = composition.services.get(key)
            if composed is not None:
                yield from composed.backends.all


def _behind_dead_traefik(backend: Backend, view: ClusterView) -> str:
    """Return why an instance that publishes no port is not reached through its own node."""
    node = backend.instance.node
    if backend.how != "ingress" or backend.is_local:
        return ""
    state = view.nodes.get(node)
    if state is None or TRAEFIK in state.capabilities:
        return ""
    return f"it publishes no port, and the Traefik of {node} does not answer"


def _reasons(rejected: Iterable[Rejection]) -> Mapping[tuple[str, str], str]:
    reasons: dict[tuple[str, str], str] = {}
    for item in rejected:
        if not item.is_sent:
            label = f"{item.label}: " if item.label else ""
            reasons.setdefault((item.service, item.node), f"{label}{item.shown().reason}")
    return reasons
