"""The address of a container in its own network, which only its host can reach."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

NETWORK_LABEL = "traefik.docker.network"

_SHARED_PREFIX = "container:"


def container_host(networks: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Return the IP address in `NetworkSettings.Networks` of an inspection; empty: none.

    The network that the label names, if the container is on it, as with Traefik's Docker provider.
    Where Traefik takes any other, this takes the first by name that has an IPv4 address, else the
    first that has one of IPv6: the same one each time.

    Raises:
        TypeError, AttributeError: it has not the form Docker documents.
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
    """Return which container lends its network to that of an inspection; empty: it has its own."""
    mode = str((found.get("HostConfig") or {}).get("NetworkMode", ""))
    return mode.removeprefix(_SHARED_PREFIX) if mode.startswith(_SHARED_PREFIX) else ""


def with_networks_of(found: Mapping[str, Any], owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inspection with the networks of the container that lends it its own."""
    settings = found.get("NetworkSettings") or {}
    lent = (owner.get("NetworkSettings") or {}).get("Networks") or {}
    return {**found, "NetworkSettings": {**settings, "Networks": lent}}


def _address(network: Any, family: str) -> str:
    text = str((network or {}).get(family) or "")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
