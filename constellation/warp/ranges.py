"""The networks from which WARP usually comes.  They advise; they decide nothing.

Cloudflare publishes the networks of its edge, https://www.cloudflare.com/ips/.  WARP comes from
others, of which it publishes no short list.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from constellation.dns.public_address import CLOUDFLARE_NETWORKS


def range_note(address: str, ranges: Iterable[str]) -> str:
    """Return a note about an egress in none of `ranges` nor of Cloudflare's networks."""
    found = ipaddress.ip_address(address)
    networks = (ipaddress.ip_network(one) for one in (*ranges, *CLOUDFLARE_NETWORKS))
    if any(found in network for network in networks):
        return ""
    return f"{address} is in none of the networks from which WARP usually comes"
