"""How an instance of another node is reached: only where its record may lead (see `trust`)."""

from __future__ import annotations

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
    wrong = {
        endpoint: why
        for endpoint in state.endpoints
        if endpoint.host and (why := _wrong_with(endpoint, state, node, trust))
    }
    if not wrong:
        return reach(state, wish, key.protocol, place)
    trusted = tuple(endpoint for endpoint in state.endpoints if endpoint not in wrong)
    known = state.model_copy(update={"endpoints": trusted})
    reached = reach(known, wish, key.protocol, place)
    named = next((one for one in wrong if is_name(one.host)), None)
    if isinstance(reached, Complaint) and named is not None:
        reached = _by_ingress(key, named.scheme or "http", named.host, place)
    if isinstance(reached, Complaint) and named is None:
        endpoint, why = next(iter(wrong.items()))
        reason = f"its record names the address {endpoint.host[:64]}, which {why}"
        remedy = f"publish the port on the address of {node}; {_LIES.format(node)}"
        return Complaint("", reason, remedy)
    return reached


def needs_hop(reached: Reached, state: ServiceState, node: str, places: Places) -> bool:
    """Return whether others reach an instance on `node`, this one, only through its Traefik."""
    if reached.how in {"container", "ingress"}:
        return reached.how == "container"
    host = host_of_url(reached.address if reached.how == "url" else f"//{reached.address}")
    of_container = reached.how == "published" and state.source == "docker"
    return bool(places.trust.wrong_with(host, node, of_container=of_container))


def _wrong_with(endpoint: Endpoint, state: ServiceState, node: str, trust: Trust) -> str:
    of_container = state.source == "docker"
    return trust.wrong_with(endpoint.host, node, of_container=of_container)


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
