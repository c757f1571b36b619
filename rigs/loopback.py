"""Addresses of 127.0.0.0/8, unique over all test processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator

from rigs.claims import claimed

BLOCKS = range(16, 240)  # 127.16.0.0/16 to 127.239.0.0/16


def loopback_addresses(count: int) -> list[str]:
    """Return `count` addresses of one /24 network that no other caller gets."""
    network = next(_own_networks)
    return [f"{network}.{number}" for number in range(1, count + 1)]


def _claimed_networks() -> Iterator[str]:
    for block in claimed("loopback network", BLOCKS):
        for number in range(256):
            yield f"127.{block}.{number}"


_own_networks = _claimed_networks()
