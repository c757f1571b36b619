"""Port bindings of a container, as endpoints that other nodes can reach."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from constellation.value import Value
from messages.monitor import Endpoint

ENDPOINTS_MAX = 64

_SERVER_PORT_LABEL = re.compile(
    r"traefik\.(http|tcp|udp)\.services\.[^.]+\.loadbalancer\.server\.port", re.IGNORECASE
)


class PublishPolicy(Value):
    """How containers of this node are reached.

    Attributes:
        bind_address: of this node.
        publish_address: of ports that are published on all interfaces.
        unreached_why: why this host does not reach containers at their own addresses; empty: it
            does.
    """

    bind_address: str
    publish_address: str
    unreached_why: str = ""

    def host_for(self, host_ip: str) -> str:
        """Return the address at which other nodes reach a port bound to `host_ip`; empty: none.

        For a port bound to every interface it is the publish address; for a port bound to one
        address, that address.  A port bound to loopback is reachable only if the other nodes run
        on this host too, that is, if this node itself is bound to loopback.
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

    A port bound to both `0.0.0.0` and `::` is one endpoint.  One that only this host reaches has no
    host: labels may name it by mistake.  At most `ENDPOINTS_MAX` are kept: a container may publish
    a range of thousands, and each is sent to every node.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: `ports` is not as Docker documents it.
    """
    found = {
        (port, protocol, policy.host_for(binding.get("HostIp", "")), int(binding["HostPort"]))
        for (port, protocol), binding in _bindings(ports)
    }
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


def bound_to_this_host(ports: Mapping[str, Any], policy: PublishPolicy) -> dict[int, str]:
    """Return the container's ports that only this host reaches, with the address of each."""
    here: dict[int, str] = {}
    elsewhere: set[int] = set()
    for (port, _), binding in _bindings(ports):
        address = binding.get("HostIp", "")
        if policy.host_for(address):
            elsewhere.add(port)
        else:
            shown = f"[{address}]" if ":" in address else address
            here[port] = f"{shown}:{binding['HostPort']}"
    return {port: here[port] for port in sorted(here.keys() - elsewhere)}


def _bindings(ports: Mapping[str, Any]) -> Iterator[tuple[tuple[int, str], Mapping[str, Any]]]:
    """Yield each port of the container with a binding that has a port of the host."""
    for container_port, bindings in ports.items():
        port = _port(container_port)
        for binding in bindings or ():
            if binding["HostPort"]:
                yield port, binding


def own_ports(
    ports: Mapping[str, Any], exposed: Mapping[str, Any], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return those of a lent network's published `ports` that belong to one container in it.

    The others belong to the lender, or to other containers that use its network.
    """
    own = declared_ports(exposed, labels)
    return {port: bindings for port, bindings in ports.items() if _port(port) in own}


def host_network_endpoints(
    exposed: Mapping[str, Any], labels: Mapping[str, str], policy: PublishPolicy
) -> tuple[Endpoint, ...]:
    """Return the endpoints of a container that shares the host's network.

    It has no published ports: its own ports are the host's.  They are the ports that the image
    declares and those that its labels name as server ports, because many images declare none.
    """
    return tuple(
        Endpoint(
            protocol="udp" if protocol == "udp" else "tcp",
            host=policy.publish_address,
            port=number,
            container_port=number,
        )
        for number, protocol in sorted(declared_ports(exposed, labels))[:ENDPOINTS_MAX]
        if protocol in {"tcp", "udp"}
    )


def declared_ports(exposed: Mapping[str, Any], labels: Mapping[str, str]) -> set[tuple[int, str]]:
    """Return the ports that an image declares, and those that labels name as server ports."""
    ports = {_port(port) for port in exposed}
    for name, value in labels.items():
        named = _SERVER_PORT_LABEL.fullmatch(name)
        if named and value.strip().isdecimal():
            ports.add((int(value), "udp" if named[1].lower() == "udp" else "tcp"))
    return ports


def exposed_ports(ports: Mapping[str, Any], protocol: Literal["tcp", "udp"]) -> tuple[int, ...]:
    """Return the ports of one protocol that a container declares, lowest first."""
    declared = {_port(port) for port in ports}
    return tuple(sorted(number for number, kind in declared if kind == protocol)[:ENDPOINTS_MAX])


def _port(text: str) -> tuple[int, str]:
    number, _, protocol = text.partition("/")
    return int(number), protocol or "tcp"
