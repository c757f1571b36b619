"""How an instance of another node is reached: only where its record may lead (see `trust`).

What leads elsewhere is reached by the Traefik of its own node, as labels and settings there say: a
host name that only that node resolves, or an address on its loopback.
"""

from __future__ import annotations

from collections.abc import Sequence

from constellation.traefik.elements import ElementKey, Wish
from constellation.traefik.places import Places
from constellation.traefik.reach import Place, Reached, reach
from constellation.traefik.rejection import Complaint
from constellation.traefik.trust import Trust, host_of_url, is_name
from messages.monitor import Endpoint, ServiceState


def reach_elsewhere(
    key: ElementKey, state: ServiceState, wish: Wish, node: str, places: Places
) -> Reached | Complaint:
    """Return how to reach an instance on `node`, which is not this one, or why not."""
    place, trust = places.of(node).place, places.trust
    if wish.url:
        return _by_url(key, wish.url, node, place, trust)
    of_container = state.source == "docker"
    wrong = [
        (endpoint, why)
        for endpoint in state.endpoints
        if endpoint.host
        and (why := trust.wrong_with(endpoint.host, node, of_container=of_container))
    ]
    if not wrong:
        return reach(state, wish, key.protocol, place)
    return _without(wrong, key, state, wish, node, place)


def needs_hop(reached: Reached, state: ServiceState, node: str, places: Places) -> bool:
    """Return whether others reach an instance on `node`, this one, only through its Traefik."""
    if reached.how in {"container", "ingress"}:
        return reached.how == "container"
    if reached.how == "url":
        return bool(places.trust.wrong_with(host_of_url(reached.address), node, of_container=False))
    host = reached.address.rpartition(":")[0].strip("[]")
    return bool(places.trust.wrong_with(host, node, of_container=state.source == "docker"))


def _by_url(
    key: ElementKey, url: str, node: str, place: Place, trust: Trust
) -> Reached | Complaint:
    host = host_of_url(url)
    wrong = trust.wrong_with(host, node, of_container=False)
    if not wrong:
        return Reached(url, "", "url")
    if place.ingress and key.protocol == "http":
        return place.hop(url.partition(":")[0].lower())
    label = f"traefik.http.services.{key.name}.loadbalancer.server.url"
    return _complaint(key, label, host, wrong, node)


def _without(
    wrong: Sequence[tuple[Endpoint, str]],
    key: ElementKey,
    state: ServiceState,
    wish: Wish,
    node: str,
    place: Place,
) -> Reached | Complaint:
    """Return how to reach an instance if some of its endpoints are not believed."""
    disbelieved = [endpoint for endpoint, _ in wrong]
    trusted = tuple(one for one in state.endpoints if one not in disbelieved)
    known = state.model_copy(update={"endpoints": trusted})
    reached = reach(known, wish, key.protocol, place)
    if isinstance(reached, Reached):
        return reached
    endpoint, why = wrong[0]
    if state.source == "static" and place.ingress and key.protocol == "http":
        return place.hop(wish.scheme or endpoint.scheme)
    return _complaint(key, "", endpoint.host, why, node)


def _complaint(key: ElementKey, label: str, host: str, wrong: str, node: str) -> Complaint:
    reason = f"only {node} resolves the name {host[:64]}"
    if not is_name(host):
        reason = f"{node} names the address {host[:64]}, which {wrong}"
    remedy = f"use an address of {node}"
    if key.protocol == "http":
        remedy = f"{remedy}, or set traefik.ingress_port there"
    lies = f"if nobody wrote this on purpose, {node} may be under foreign control"
    return Complaint(label, reason, f"{remedy}; {lies}")
