"""The public addresses of this node, from what several independent sources say.

A source answers with the address from which it was asked, as a text of its own, or in the form of
Cloudflare's `/cdn-cgi/trace`.  One source can be wrong, or be answered for by a proxy on the way.
So several must agree, and an address at which the world cannot reach this node is refused: a
private one, that of a VPN or of Cloudflare's WARP through which the host sends its traffic.

The last address that was agreed on stays until another one is: sources that do not answer say
nothing about the address.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit

from constellation.value import Value

ANSWER_BYTES_MAX = 4096
FAMILIES: tuple[Family, ...] = (4, 6)
ROUNDS_WITHOUT_MAX = 3  # of a family that no source can be asked over any more
HOST_IN_WARP = "this host's traffic goes through WARP"
Family = Literal[4, 6]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# What Cloudflare publishes as its own, https://www.cloudflare.com/ips/; the last two are of WARP.
CLOUDFLARE_NETWORKS = (
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
    "104.28.0.0/16",
    "2a09:bac0::/29",
)


class SourceSaid(Value):
    """What one source said over one family: an address, or why it cannot be used."""

    source: str
    family: Family
    address: str = ""  # in its usual form; empty: none
    why_not: str = ""
    is_silent: bool = False  # there was no answer


class AddressRules:
    """Which addresses may be this node's."""

    def __init__(self, refused: Iterable[str] = ()) -> None:
        """Refuse the networks in `refused` beside those that nobody's may be in."""
        self._cloudflare = [ipaddress.ip_network(one) for one in CLOUDFLARE_NETWORKS]
        self._refused = [ipaddress.ip_network(one) for one in refused]

    def why_not(self, address: Address, egresses: Iterable[str] = ()) -> str:
        """Return why an address is not this node's; empty: it may be.

        `egresses` are the addresses at which WARP gateways of the cluster come out.
        """
        if not address.is_global or address.is_multicast:
            return f"{address} is not reached from outside"
        if any(address in network for network in self._cloudflare):
            return f"{address} is Cloudflare's: this host's traffic goes through WARP or a proxy"
        if any(address in network for network in self._refused):
            return f"{address} is in dns.addresses_refused"
        if str(address) in set(egresses):
            return f"{address} is the egress of a WARP gateway"
        return ""


def read_answer(url: str, family: Family, body: bytes) -> SourceSaid:
    """Return what the answer of the source at `url`, asked over `family`, says."""
    text = body[: ANSWER_BYTES_MAX + 1].decode("ascii", "replace").strip()
    fields = _trace(text)
    if len(body) > ANSWER_BYTES_MAX:
        return SourceSaid(url, family, why_not="its answer is too long")
    if fields:
        host = urlsplit(url).hostname or ""
        if fields.get("h", host).lower() != host:
            return SourceSaid(url, family, why_not=f"it answers for {fields['h']:.80}, not {host}")
        if fields.get("warp", "off") != "off":
            return SourceSaid(url, family, why_not=HOST_IN_WARP)
        text = fields.get("ip", "")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return SourceSaid(url, family, why_not="its answer is no address")
    if address.version != family:
        return SourceSaid(url, family, why_not=f"asked over IPv{family}, it says {address}")
    return SourceSaid(url, family, str(address))


def _trace(text: str) -> Mapping[str, str]:
    """Return the fields of a trace page; none: it is not one."""
    pairs = [line.partition("=") for line in text.splitlines()]
    fields = {name.strip(): value.strip() for name, _, value in pairs if value}
    return fields if "ip" in fields else {}


class AddressFinder:
    """What this node's public addresses are, over rounds of questions."""

    def __init__(self, rules: AddressRules, agreeing: int) -> None:
        self._rules = rules
        self._agreeing = agreeing
        self._found: dict[Family, str] = {}
        self._silent_rounds: Counter[Family] = Counter()
        self.problem = ""  # why no address is known; empty: one is

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that were agreed on, IPv4 first; none: not known."""
        return tuple(self._found[family] for family in FAMILIES if family in self._found)

    def asked(self, said: Sequence[SourceSaid], egresses: Iterable[str] = ()) -> None:
        """Judge one round: what each source said over each family."""
        judged = [self._judged(one, frozenset(egresses)) for one in said]
        agreed = {family: self._agreed(judged, family) for family in FAMILIES}
        for family, address in agreed.items():
            if address:
                self._found[family] = address
                self._silent_rounds[family] = 0
            elif all(one.is_silent for one in judged if one.family == family):
                self._silent_rounds[family] += 1
            if self._silent_rounds[family] >= ROUNDS_WITHOUT_MAX and any(agreed.values()):
                self._found.pop(family, None)  # the host has no such address any more
        self.problem = "" if self._found else _why_unknown(judged, self._agreeing)

    def _judged(self, said: SourceSaid, egresses: frozenset[str]) -> SourceSaid:
        if not said.address:
            return said
        why_not = self._rules.why_not(ipaddress.ip_address(said.address), egresses)
        if not why_not:
            return said
        return SourceSaid(said.source, said.family, why_not=why_not)

    def _agreed(self, said: Iterable[SourceSaid], family: Family) -> str:
        """Return the address on which enough sources agree, and more than on any other."""
        votes = Counter(one.address for one in said if one.family == family and one.address)
        (address, count), (_, next_count) = (*votes.most_common(2), ("", 0), ("", 0))[:2]
        return address if count >= self._agreeing and count > next_count else ""


def _why_unknown(said: Sequence[SourceSaid], agreeing: int) -> str:
    reasons = [f"{one.source}: {one.why_not or one.address}" for one in said if not one.is_silent]
    reasons = reasons or [f"{one.source}: {one.why_not}" for one in said]
    shown = "; ".join(sorted(set(reasons))[:4])
    return f"fewer than {agreeing} sources agree on an address ({shown})"
