"""IPv4 networks that no interface of this machine is in, unique over all its test processes.

They are of 100.64.0.0/10 (RFC 6598), unless the caller names another space.
"""

from __future__ import annotations

import json
import subprocess
from ipaddress import IPv4Network
from typing import Any

from rigs.claims import claimed

# Two halves of 100.64.0.0/10: networks of one length are claimed in each, so none overlap.
HOST_SPACE = IPv4Network("100.64.0.0/11")
POOL_SPACE = IPv4Network("100.96.0.0/11")


def free_subnet(space: IPv4Network = HOST_SPACE, prefix: int = 24) -> IPv4Network:
    """Return a network of that prefix length in `space`.

    All callers must use the same prefix length for one space.

    Raises:
        RuntimeError: all are used or claimed.
    """
    used = _used_networks()
    return next(
        network
        for network in claimed("subnet", space.subnets(new_prefix=prefix))
        if not any(network.overlaps(other) for other in used)
    )


def _used_networks() -> list[IPv4Network]:
    used: list[IPv4Network] = []
    for interface in _ip("addr", "show"):
        for address in interface.get("addr_info", ()):
            used.append(IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False))
    for route in _ip("route", "show", "table", "all"):
        if route["dst"] != "default":
            used.append(IPv4Network(route["dst"], strict=False))
    return [network for network in used if network.prefixlen > 0]


def _ip(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["ip", "-json", "-4", *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return list(json.loads(done.stdout or "[]"))
