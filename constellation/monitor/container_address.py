"""The address of a container in its own network, reachable from its host only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

NETWORK_LABEL = "traefik.docker.network"

_SHARED_PREFIX = "container:"


def container_host(networks: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Return the IP address in `NetworkSettings.Networks` of an inspection; empty: none.

    It is the address in the network that the label names, if the container is connected to it, as
    with Traefik's Docker provider.  Otherwise, where Traefik picks any network, this picks the same
    one each time: the first by name with an IPv4 address, or else the first with an IPv6 address.

    Raises:
        TypeError, AttributeError: it does not have the format that Docker documents.
    """
    named = next((value for name, value in labels.items() if name.lower() == NETWORK_LABEL), "")
    if named in networks:
        return _address(networks[named], "IPAddress") or _address(
            networks[named], "GlobalIPv6Address"
        )
    for family in ("IPAddress", "GlobalIPv6Address"):
        for name in sorted(networks):
            address = _address(networks[name], family)
            if address:
                return address
    return ""


def network_owner(found: Mapping[str, Any]) -> str:
    """Return the id of the container whose network this one shares; empty: it has its own.

    An inspection in an unknown format has none: `read_container` reports it.
    """
    mode = str(_map(found.get("HostConfig")).get("NetworkMode", ""))
    return mode.removeprefix(_SHARED_PREFIX) if mode.startswith(_SHARED_PREFIX) else ""


def with_networks_of(found: Mapping[str, Any], owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inspection `found` with the networks of `owner`, which it shares.

    Networks in an unknown format count as none.
    """
    settings = _map(found.get("NetworkSettings"))
    shared = _map(_map(owner.get("NetworkSettings")).get("Networks"))
    return {**found, "NetworkSettings": {**settings, "Networks": shared}}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _address(network: Any, family: str) -> str:
    text = str((network or {}).get(family) or "")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
