"""Which addresses a record of another node may lead to.

A record says where its author's services are, and this node's Traefik connects to that.  A member
that lies must not reach through it what only this host reaches: its own loopback, link-local
networks, the metadata service of a cloud, or other nodes.  So of the record of another node

- a port of a container must be at the node's own address, as gossip knows it;
- a static service, or a `url` in labels, may be at any other address, for example of a device in
  the LAN, if no node has it and it has no special meaning;
- a name is only resolved by the author's own Traefik, because it may mean anything here.

A node believes its own record.  If it is bound to loopback, all nodes are on this host, and the
loopback and other addresses of this host are theirs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from constellation.value import Value

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Addresses with a meaning on each host, beside link-local ones such as 169.254.169.254: metadata
# and other services of clouds, and those of Tailscale on the host itself.
_OF_THE_HOST = frozenset(
    map(
        ipaddress.ip_address,
        (
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "100.100.100.100",
            "fd7a:115c:a1e0::53",
        ),
    )
)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")


class Trust(Value):
    """What records of other nodes are checked against.

    Attributes:
        addresses: the nodes that have each address; of one host, none.
        is_one_host: this node is bound to loopback.
    """

    addresses: Mapping[str, frozenset[str]]
    is_one_host: bool

    def wrong_with(self, host: str, node: str, *, of_container: bool) -> str:
        """Return why the record of `node` must not lead to the address `host`; empty: it may."""
        known = _known(host)
        if known is None:
            return "is not an address"
        if known.is_loopback and self.is_one_host:
            return ""
        owners = self.addresses.get(known.text, frozenset())
        if known.meaning or (owners and node not in owners):
            return known.meaning or f"belongs to {min(owners)}"
        is_known = bool(owners) or self.is_one_host  # a host may have other addresses
        return f"is not the address of {node}" if of_container and not is_known else ""


class _Known(NamedTuple):
    text: str
    meaning: str
    is_loopback: bool


@lru_cache(maxsize=4096)
def _known(host: str) -> _Known | None:
    """Return what is known of an address, because nearly all are asked for again and again."""
    address = address_of(host)
    if address is None:
        return None
    return _Known(str(address), special_meaning(address), address.is_loopback)


@lru_cache(maxsize=4096)
def address_of(host: str) -> Address | None:
    """Return the IP address that `host` is, also one inside an IPv6 address; None: it is none."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour or _compatible(address)
        return inside or address
    return address


def _compatible(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address in `::a.b.c.d` or `64:ff9b::a.b.c.d` (RFC 4291, RFC 6052)."""
    network, inside = divmod(int(address), 1 << 32)
    is_embedded = (network == 0 and inside > 1) or network == 0x64FF9B << 64
    return ipaddress.IPv4Address(inside) if is_embedded else None


def special_meaning(address: Address) -> str:
    """Return what `address` means on every host; empty: it is an ordinary address."""
    if address.is_loopback:
        return "is this host itself"
    if address.is_link_local or address in _OF_THE_HOST:
        return "is for this host only"
    if address.is_unspecified or address.is_multicast:
        return "is no address of a host"
    is_of_v4 = isinstance(address, ipaddress.IPv4Address)
    if is_of_v4 and (address.is_reserved or int(address) >> 24 == 0):
        return "is no address of a host"
    return ""


def is_name(host: str) -> bool:
    """Return whether `host` must be resolved; what could be a number in disguise is no name."""
    if address_of(host) is not None or not _NAME.fullmatch(host):
        return False
    return not _NUMBER.fullmatch(host.rpartition(".")[2])


def host_of_url(url: str) -> str:
    """Return the host in `url`; empty: there is none, or programs may disagree about it."""
    if "\\" in url or any(character <= " " for character in url):
        return ""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
