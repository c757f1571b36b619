"""How an instance of another node is reached: only where its record may lead (see `trust`)."""

from __future__ import annotations

from collections.abc import Sequence

from constellation.traefik.elements import ElementKey, Wish
from constellation.traefik.places import Places
from constellation.traefik.reach import Place, Reached, reach
from constellation.traefik.rejection import Complaint
from constellation.traefik.trust import Trust, host_of_url, is_name
from messages.monitor import Endpoint, ServiceState

_LIES = "if nobody wrote that on purpose, {} may be under foreign control"


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
    named = next((one for one in disbelieved if is_name(one.host)), None)
    if isinstance(reached, Complaint) and named is not None:
        reached = _by_ingress(key, named.scheme or "http", named.host, place)
    if isinstance(reached, Complaint) and named is None:
        endpoint, why = wrong[0]
        reason = f"its record names the address {endpoint.host[:64]}, which {why}"
        return Complaint("", reason, f"{_remedy(state, node)}; {_LIES.format(node)}")
    return reached


def needs_hop(reached: Reached, state: ServiceState, node: str, places: Places) -> bool:
    """Return whether others reach an instance on `node`, this one, only through its Traefik."""
    if reached.how in {"container", "ingress"}:
        return reached.how == "container"
    if reached.how == "url":
        return bool(places.trust.wrong_with(host_of_url(reached.address), node, of_container=False))
    host = reached.address.rpartition(":")[0].strip("[]")
    return bool(places.trust.wrong_with(host, node, of_container=state.source == "docker"))


def _remedy(state: ServiceState, node: str) -> str:
    if state.source == "docker":
        return f"publish the port on the address of {node}"
    return "define the service on the node that has this address"


def _by_url(
    key: ElementKey, url: str, node: str, place: Place, trust: Trust
) -> Reached | Complaint:
    host, label = host_of_url(url), f"traefik.http.services.{key.name}.loadbalancer.server.url"
    if is_name(host):
        reached = _by_ingress(key, url.partition(":")[0].lower(), host, place)
        if isinstance(reached, Complaint):
            return Complaint(label, reached.reason, reached.remedy)
        return reached
    if wrong := trust.wrong_with(host, node, of_container=False):
        reason = f"it leads to the address {host[:64]}, which {wrong}"
        return Complaint(label, reason, f"write another address; {_LIES.format(node)}")
    return Reached(url, "", "url")


def _by_ingress(key: ElementKey, scheme: str, name: str, place: Place) -> Reached | Complaint:
    """Let the node that wrote a name resolve it: here it may mean anything."""
    if place.ingress and key.protocol == "http":
        return place.hop(scheme)
    reason = f"only its own node resolves the name {name[:64]!r}"
    remedy = "write the IP address"
    if key.protocol == "http":
        remedy = f"{remedy}, or set traefik.ingress_port on that node"
    return Complaint("", reason, remedy)
