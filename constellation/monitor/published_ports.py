"""Port bindings of a container, as endpoints that other nodes can reach."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from messages.monitor import Endpoint

ENDPOINTS_MAX = 64

_SERVER_PORT_LABEL = re.compile(
    r"traefik\.(http|tcp|udp)\.services\.[^.]+\.loadbalancer\.server\.port", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class PublishPolicy:
    """Where this node is reached: `bind_address` itself, and ports published on all interfaces."""

    bind_address: str
    publish_address: str

    def host_for(self, host_ip: str) -> str:
        """Return the address others use for a port bound to `host_ip`; empty: they cannot.

        Bound to every interface: the node's publish address.  Bound to loopback: reachable by
        other nodes only where those are on this host too, which is when the node itself is bound
        to loopback.  Bound to one address: that one.
        """
        if not host_ip:
            return self.publish_address
        address = ipaddress.ip_address(host_ip)
        if address.is_unspecified:
            return self.publish_address
        if address.is_loopback and not ipaddress.ip_address(self.bind_address).is_loopback:
            return ""
        return str(address)


def endpoints(ports: Mapping[str, Any], policy: PublishPolicy) -> tuple[Endpoint, ...]:
    """Return the endpoints in `NetworkSettings.Ports` of an inspection, lowest port first.

    A port bound to `0.0.0.0` and `::` alike is one endpoint.  At most `ENDPOINTS_MAX` are kept:
    a container may publish a range of thousands, and each travels to every node.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it has not the form Docker documents.
    """
    found: set[tuple[int, str, str, int]] = set()
    for container_port, bindings in ports.items():
        number, protocol = _port(container_port)
        for binding in bindings or ():
            host = policy.host_for(binding.get("HostIp", ""))
            if host and binding["HostPort"]:
                found.add((number, protocol, host, int(binding["HostPort"])))
    return tuple(
        Endpoint(
            protocol="udp" if protocol == "udp" else "tcp",
            host=host,
            port=port,
            container_port=number,
        )
        for number, protocol, host, port in sorted(found)[:ENDPOINTS_MAX]
        if protocol in {"tcp", "udp"}
    )


def host_network_endpoints(
    exposed: Mapping[str, Any], labels: Mapping[str, str], policy: PublishPolicy
) -> tuple[Endpoint, ...]:
    """Return the endpoints of a container that shares the host's network.

    Nothing is published for it: its own ports are the host's.  They are those it declares, and
    those its labels name as a server's, because many an image declares none.
    """
    ports = {_port(port) for port in exposed}
    for name, value in labels.items():
        named = _SERVER_PORT_LABEL.fullmatch(name)
        if named and value.strip().isdecimal():
            ports.add((int(value), "udp" if named[1].lower() == "udp" else "tcp"))
    return tuple(
        Endpoint(
            protocol="udp" if protocol == "udp" else "tcp",
            host=policy.publish_address,
            port=number,
            container_port=number,
        )
        for number, protocol in sorted(ports)[:ENDPOINTS_MAX]
        if protocol in {"tcp", "udp"}
    )


def exposed_ports(ports: Mapping[str, Any], protocol: Literal["tcp", "udp"]) -> tuple[int, ...]:
    """Return the ports of one protocol that a container declares, lowest first."""
    declared = {_port(port) for port in ports}
    return tuple(sorted(number for number, kind in declared if kind == protocol)[:ENDPOINTS_MAX])


def _port(text: str) -> tuple[int, str]:
    number, _, protocol = text.partition("/")
    return int(number), protocol or "tcp"
