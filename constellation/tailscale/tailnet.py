"""What tailscaled says of this machine and its peers: the answer of its LocalAPI's `status`.

`tailscale status --json` prints the same, and so it is with Headscale, which only takes the place
of the control server.  The form is tailscale.com/ipn/ipnstate.Status; it has no version, so what
is missing is taken as not set, and what is unknown is skipped.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from constellation.errors import WireError

PEERS_MAX = 10_000
ADDRESSES_MAX = 16
TEXT_CHARACTERS_MAX = 253  # of a DNS name


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of the tailnet."""

    host_name: str
    addresses: tuple[str, ...]  # IPv4 and IPv6
    tags: frozenset[str]
    online: bool  # as the control server said last
    key_expired: bool
    key_expires_utc_s: float | None  # None: never


@dataclass(frozen=True, slots=True)
class Tailnet:
    """One answer of tailscaled."""

    backend_state: str  # e.g. 'Running'
    this: Machine
    peers: tuple[Machine, ...]


def read_tailnet(raw: Any) -> Tailnet:
    """Return what a parsed answer says.

    Raises:
        WireError: it is not the answer of a tailscaled, or beyond the limits.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("BackendState"), str):
        raise WireError("it names no BackendState", reason="form")
    own, peers = raw.get("Self"), raw.get("Peer") or {}
    if not isinstance(own, Mapping) or not isinstance(peers, Mapping):
        raise WireError("Self or Peer is not an object", reason="form")
    if len(peers) > PEERS_MAX:
        raise WireError(f"it has {len(peers)} peers, {PEERS_MAX} are read", reason="size")
    return Tailnet(
        backend_state=_text(raw["BackendState"]),
        # Those of Self are the same, but only once there is a network map.
        this=_machine({**own, "TailscaleIPs": raw.get("TailscaleIPs")}),
        peers=tuple(_machine(peer) for peer in peers.values() if isinstance(peer, Mapping)),
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
    """Return the name in the tailnet, which is unique there; a machine may claim any HostName."""
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
