"""What tailscaled reports of this machine and its peers: the response of its LocalAPI's `status`.

`tailscale status --json` prints the same.  With Headscale it is the same too, as that replaces only
the control server.  The format is tailscale.com/ipn/ipnstate.Status, which has no version: a
missing field counts as unset, and an unknown field is ignored.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from constellation.errors import WireError
from constellation.value import Value

PEERS_MAX = 10_000
ADDRESSES_MAX = 16
TEXT_CHARACTERS_MAX = 253  # of a DNS name


class Machine(Value):
    """One machine of the tailnet."""

    host_name: str
    addresses: tuple[str, ...]  # IPv4 and IPv6
    tags: frozenset[str]
    online: bool  # as last reported by the control server
    key_expired: bool
    key_expires_utc_s: float | None  # None: never


class Tailnet(Value):
    """One answer of tailscaled."""

    backend_state: str  # e.g. 'Running'
    this: Machine
    peers: tuple[Machine, ...]
    has_interface: bool = True  # False: userspace networking


def read_tailnet(raw: Any) -> Tailnet:
    """Return the content of a parsed response.

    Raises:
        WireError: it is not a response of tailscaled, or exceeds a limit.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("BackendState"), str):
        raise WireError("it has no BackendState", reason="form")
    own, peers = raw.get("Self"), raw.get("Peer") or {}
    if not isinstance(own, Mapping) or not isinstance(peers, Mapping):
        raise WireError("Self or Peer is not an object", reason="form")
    if len(peers) > PEERS_MAX:
        raise WireError(f"it has {len(peers)} peers, the limit is {PEERS_MAX}", reason="size")
    return Tailnet(
        backend_state=_text(raw["BackendState"]),
        # The addresses in Self are the same, but are set only once there is a network map.
        this=_machine({**own, "TailscaleIPs": raw.get("TailscaleIPs")}),
        peers=tuple(_machine(peer) for peer in peers.values() if isinstance(peer, Mapping)),
        has_interface=raw.get("TUN") is not False,
    )


def _machine(raw: Mapping[str, Any]) -> Machine:
    return Machine(
        host_name=_host_name(raw),
        addresses=tuple(_addresses(_list(raw.get("TailscaleIPs")))),
        tags=frozenset(map(_text, _list(raw.get("Tags")))),
        online=raw.get("Online") is True,
        key_expired=raw.get("Expired") is True,
        key_expires_utc_s=_time(raw.get("KeyExpiry")),
    )


def _host_name(raw: Mapping[str, Any]) -> str:
    """Return the name in the tailnet, which is unique, unlike HostName, which a machine chooses."""
    return _text(raw.get("DNSName")).partition(".")[0] or _text(raw.get("HostName"))


def _addresses(texts: Iterable[Any]) -> Iterable[str]:
    for text in texts:
        try:
            yield str(ipaddress.ip_address(_text(text)))
        except ValueError:
            continue


def _list(value: Any) -> list[Any]:
    return value[:ADDRESSES_MAX] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:TEXT_CHARACTERS_MAX] if isinstance(value, str) else ""


def _time(value: Any) -> float | None:
    try:
        time_utc_s = datetime.fromisoformat(_text(value)).timestamp()
    except (ValueError, OverflowError):
        return None
    return time_utc_s if time_utc_s > 0 else None  # Go's zero time is of the year 1
