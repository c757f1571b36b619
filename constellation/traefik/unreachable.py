"""Why an instance cannot be reached, and what to write instead; ports that labels mistake."""

from __future__ import annotations

from collections.abc import Sequence

from constellation.traefik.elements import Protocol, Wish
from constellation.traefik.rejection import Complaint
from messages.monitor import Endpoint, ServiceState

SHOWN_MAX = 8
HOST_NETWORK, NO_NETWORK = "host", "none"


def mistaken_port(state: ServiceState, wish: Wish, protocol: Protocol) -> int:
    """Return the container port whose published port the labels name by mistake; 0: they do not."""
    if not wish.port or wish.port in _exposed(state, protocol):
        return 0
    endpoints = _endpoints(state, protocol)
    if any(endpoint.container_port == wish.port for endpoint in endpoints):
        return 0
    found = [endpoint.container_port for endpoint in endpoints if endpoint.port == wish.port]
    return min(found, default=0)


def mistaken_port_warning(state: ServiceState, wish: Wish, protocol: Protocol) -> Complaint | None:
    """Return the warning about a port that only the host has; the right one is used."""
    port = mistaken_port(state, wish, protocol)
    if not port:
        return None
    reason = f"{wish.port} is the published port of {port}, which is used instead"
    return Complaint(wish.label, reason, f"write {port}", is_sent=True)


def why_unreached(
    state: ServiceState, wish: Wish, protocol: Protocol, *, has_ingress: bool
) -> Complaint:
    """Return why no published port, container or ingress leads to what `wish` describes.

    What the instance's own node knows better is in its `reach_notes`.
    """
    carrier = "UDP" if protocol == "udp" else "TCP"
    also = ""
    if protocol == "http" and state.container_host and not has_ingress:
        also = ", or set traefik.ingress_port on its node"
    ports = sorted({one.container_port for one in _endpoints(state, protocol) if one.host})
    if wish.port:
        others = f"; published: {_listed(ports)}" if ports else ""
        reason = f"port {wish.port} of the container is not published{others}"
        remedy = f"publish {carrier} port {wish.port} on the host{also}"
        return Complaint(wish.label, reason, remedy)
    return _no_port_named(state, wish, protocol, ports, also)


def _no_port_named(
    state: ServiceState, wish: Wish, protocol: Protocol, published: Sequence[int], also: str
) -> Complaint:
    label = wish.label or f"traefik.{protocol}.services.NAME.loadbalancer.server.port"
    name_it = f"name the port in the label {label}"
    carrier = "UDP" if protocol == "udp" else "TCP"
    exposed = _exposed(state, protocol)
    if published:
        reason = f"none of its published ports {_listed(published)} is known to speak HTTP"
        return Complaint("", reason, f"{name_it}, if one speaks HTTP")
    if state.networks == (NO_NETWORK,):
        return Complaint("", "it has no network", "connect it to one")
    if state.networks == (HOST_NETWORK,):
        reason = f"it uses the host's network, and its image declares no {carrier} port"
        return Complaint("", reason, name_it)
    if not state.container_host:
        reason = f"no {carrier} port is published"
        return Complaint("", reason, f"publish the one it listens on{also}")
    if not exposed:
        reason = f"no {carrier} port is published, and its image declares none"
        return Complaint("", reason, f"{name_it}, and publish it{also}")
    what = "that speaks HTTP" if protocol == "http" else "it listens on"
    reason = f"no {carrier} port is published; its image declares {_listed(exposed)}"
    return Complaint("", reason, f"publish the one {what}{also}")


def _endpoints(state: ServiceState, protocol: Protocol) -> list[Endpoint]:
    carrier = "udp" if protocol == "udp" else "tcp"
    return [one for one in state.endpoints if one.protocol == carrier and one.port]


def _exposed(state: ServiceState, protocol: Protocol) -> tuple[int, ...]:
    return state.exposed_udp_ports if protocol == "udp" else state.exposed_ports


def _listed(ports: Sequence[int]) -> str:
    more = ", ..." if len(ports) > SHOWN_MAX else ""
    return ", ".join(map(str, sorted(ports)[:SHOWN_MAX])) + more
