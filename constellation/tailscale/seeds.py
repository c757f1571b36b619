"""Which machines of the tailnet are seeds to join through."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from constellation.admin.words import counted, listed
from constellation.tailscale.tailnet import Machine, Tailnet
from constellation.value import Value
from messages.wellness import Trouble

SEEDS_MAX = 256
NAMED_MAX = 5


class SeedPolicy(Value):
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
    online it finds this node.  If all are offline, the control server may be wrong, or may have
    been unreachable: they are tried.
    """
    usable = [peer for peer in tailnet.peers if policy.selects(peer) and not peer.key_expired]
    online = [peer for peer in usable if peer.online]
    found = {_address_of(peer, bind_address) for peer in online or usable}
    return tuple(sorted(found - {"", bind_address}, key=ipaddress.ip_address))[:SEEDS_MAX]


def seed_troubles(tailnet: Tailnet, policy: SeedPolicy, bind_address: str) -> tuple[Trouble, ...]:
    """Return why selected peers are no seeds, or are unlikely to answer."""
    selected = [peer for peer in tailnet.peers if policy.selects(peer)]
    usable = [peer for peer in selected if not peer.key_expired]
    expired = [peer for peer in selected if peer.key_expired]
    found: list[Trouble] = []
    unlike = [peer for peer in usable if not _address_of(peer, bind_address)]
    if unlike:
        found.append(_other_family(unlike, tailnet.this, bind_address))
    if usable and not any(peer.online for peer in usable):
        found.append(
            Trouble(
                kind="unheard",
                subject="tailnet",
                what=f"{_counted(usable)} of the tailnet, none online",
                why=f"the control server says so of {_names(usable)}; they are tried nevertheless",
                fix="if they do not answer, check `tailscale status` there",
                is_note=True,
            )
        )
    if expired:
        found.append(
            Trouble(
                kind="unheard",
                subject="tailnet keys",
                what=f"{_counted(expired)} of the tailnet with an expired key",
                why=f"{_names(expired)} cannot be reached",
                fix="run `tailscale up --force-reauth` there, or disable key expiry for them",
                is_note=True,
            )
        )
    return tuple(found)


def _other_family(peers: list[Machine], this: Machine, bind_address: str) -> Trouble:
    version = ipaddress.ip_address(bind_address).version
    other = 4 if version == 6 else 6
    own = next((one for one in this.addresses if ipaddress.ip_address(one).version == other), "")
    set_to = f"this machine's IPv{other} address, {own}" if own else f"an IPv{other} address"
    return Trouble(
        kind="address",
        subject=bind_address,
        what=f"{_counted(peers)} of the tailnet cannot be reached",
        why=f"bind_address {bind_address} is IPv{version}, and {_names(peers)} have no such "
        "address",
        fix=f"use one address family on all nodes: set bind_address to {set_to}, or theirs to "
        f"IPv{version}",
    )


def _address_of(peer: Machine, bind_address: str) -> str:
    """Return the address of `peer` that can be reached from `bind_address`; empty: none."""
    version = ipaddress.ip_address(bind_address).version
    return next((one for one in peer.addresses if ipaddress.ip_address(one).version == version), "")


def _counted(peers: list[Machine]) -> str:
    return counted(len(peers), "tagged machine")


def _names(peers: Iterable[Machine]) -> str:
    return listed(((peer.host_name or "(no name)")[:63] for peer in peers), NAMED_MAX)
