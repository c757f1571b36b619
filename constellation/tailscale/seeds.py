"""Which machines of the tailnet are seeds to join through."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from constellation.tailscale.tailnet import Machine, Tailnet

SEEDS_MAX = 256


@dataclass(frozen=True, slots=True)
class SeedPolicy:
    """Selects machines by tag or by name; an empty rule selects none."""

    tag: str = "tag:constellation"
    hostname_prefix: str = ""

    def selects(self, machine: Machine) -> bool:
        """Return whether `machine` is expected to run an agent of this cluster."""
        if self.tag and self.tag in machine.tags:
            return True
        prefix = self.hostname_prefix.lower()
        return bool(prefix) and machine.host_name.lower().startswith(prefix)


def seed_hosts(tailnet: Tailnet, policy: SeedPolicy, bind_address: str) -> tuple[str, ...]:
    """Return the addresses of selected peers, of the address family of `bind_address`, sorted.

    Peers with an expired key cannot answer and are omitted.  So are offline peers: when one is back
    online it finds this node.
    """
    version = ipaddress.ip_address(bind_address).version
    found = {
        next((one for one in peer.addresses if ipaddress.ip_address(one).version == version), "")
        for peer in tailnet.peers
        if peer.online and not peer.key_expired and policy.selects(peer)
    }
    return tuple(sorted(found - {"", bind_address}, key=ipaddress.ip_address))[:SEEDS_MAX]
