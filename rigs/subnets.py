"""IPv4 networks that no interface of this machine is in: of 100.64.0.0/10 (RFC 6598), or others."""

from __future__ import annotations

import json
import subprocess
from ipaddress import IPv4Network
from random import SystemRandom
from typing import Any

SHARED_SPACE = IPv4Network("100.64.0.0/10")
TRIES_MAX = 200


def free_subnet(prefix: int = 24, space: IPv4Network = SHARED_SPACE) -> IPv4Network:
    """Return a network of that prefix length in `space`, chosen at random among the unused ones.

    At random, because several test runs on one machine choose at the same time.
    """
    used = _used_networks()
    count = 1 << (prefix - space.prefixlen)
    for _ in range(TRIES_MAX):
        offset = SystemRandom().randrange(count) << (32 - prefix)
        subnet = IPv4Network((int(space.network_address) + offset, prefix))
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise RuntimeError(
        f"no free /{prefix} in {space} after {TRIES_MAX} tries: `ip addr` and `ip route` "
        "show who uses it; delete what earlier runs left behind"
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
