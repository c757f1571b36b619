"""The address of a container in its own network, reachable from its host only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from constellation.value import Value

NETWORK_LABEL = "traefik.docker.network"

# A host does not reach the containers in such networks of its own: the kernel keeps macvlan and
# ipvlan apart from the interface below, and overlays are networks between containers.
UNREACHED_DRIVERS = ("macvlan", "ipvlan", "overlay")


class OwnAddress(Value):
    """The address of a container and the network that it is in; both may be empty."""

    host: str = ""
    network: str = ""
    driver: str = ""  # empty: not known

    @property
    def is_unreached(self) -> bool:
        """Whether its own host does not reach it by default."""
        return self.driver in UNREACHED_DRIVERS


def own_address(networks: Mapping[str, Any], labels: Mapping[str, str]) -> OwnAddress:
    """Return the IP address in `NetworkSettings.Networks` of an inspection.

    It is the address in the network that the label names, if the container is connected to it, as
    with Traefik's Docker provider.  Otherwise, where Traefik picks any network, this picks the same
    one each time: one that the host reaches; of these one with an IPv4 address; the first by name.

    Raises:
        TypeError, AttributeError: it does not have the format that Docker documents.
    """
    named = next((value for name, value in labels.items() if name.lower() == NETWORK_LABEL), "")
    names = [named] if named in networks else sorted(networks)
    found = [
        OwnAddress(address, name, str((networks[name] or {}).get("Driver") or ""))
        for family in ("IPAddress", "GlobalIPv6Address")
        for name in names
        if (address := _address(networks[name], family))
    ]
    return min(found, key=lambda one: one.is_unreached, default=OwnAddress())


def _address(network: Any, family: str) -> str:
    text = str((network or {}).get(family) or "")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
