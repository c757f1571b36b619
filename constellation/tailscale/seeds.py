"""Which machines of the tailnet are members to join through."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from constellation.tailscale.tailnet import Machine, Tailnet

SEEDS_MAX = 256


@dataclass(frozen=True, slots=True)
class SeedPolicy:
    """A machine is one by its tag or by its name; an empty rule holds for none."""

    tag: str = "tag:constellation"
    hostname_prefix: str = ""

    def takes(self, machine: Machine) -> bool:
        """Return whether `machine` runs an agent of this cluster."""
        if self.tag and self.tag in machine.tags:
            return True
        prefix = self.hostname_prefix.lower()
        return bool(prefix) and machine.host_name.lower().startswith(prefix)


def seed_hosts(tailnet: Tailnet, policy: SeedPolicy, bind_address: str) -> tuple[str, ...]:
    """Return addresses of the peers that may answer, of the family of `bind_address`, sorted.

    One whose key has expired cannot.  One that is offline is left out too: it finds us when it
    is back, as we are online for it.
    """
    version = ipaddress.ip_address(bind_address).version
    found = {
        next((one for one in peer.addresses if ipaddress.ip_address(one).version == version), "")
        for peer in tailnet.peers
        if peer.online and not peer.key_expired and policy.takes(peer)
    }
    return tuple(sorted(found - {"", bind_address}, key=ipaddress.ip_address))[:SEEDS_MAX]
