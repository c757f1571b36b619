"""Which optional parts of a node are missing on this host."""

from __future__ import annotations

import socket

from actors.adapters.docker_knock import why_away
from constellation.settings.agent import Settings
from constellation.value import Value

CONNECT_TIMEOUT_S = 1.0


class MissingPart(Value):
    """One missing part, the reason, and the fix."""

    part: str
    why: str
    fix: str


def find_missing(settings: Settings) -> tuple[MissingPart, ...]:
    """Return the parts that are missing now, each once.  Takes at most seconds; does not raise."""
    return tuple(part for part in (_docker(settings), _tailscale(settings), _dns(settings)) if part)


def _docker(settings: Settings) -> MissingPart | None:
    if not settings.docker.enabled:
        return None
    away = why_away(settings.docker, CONNECT_TIMEOUT_S)
    if away is None:
        return None
    why = f"{settings.docker.endpoint}: {away.why}; no container is watched until it answers"
    return MissingPart("docker", why, away.fix)


def _tailscale(settings: Settings) -> MissingPart | None:
    if not settings.tailscale.enabled or settings.discovers_in_tailnet:
        return None  # disabled, or its actor reports on it
    if _cannot_connect(settings.tailscale.socket):
        return MissingPart(
            "tailscale",
            "Tailscale does not run here, and other hosts cannot reach bind_address, which is on "
            "loopback",
            'install Tailscale and set bind_address = "tailscale", or use another mesh and set '
            "bind_address to this node's address in it",
        )
    return MissingPart(
        "tailscale",
        "bind_address is on loopback, so no other host can reach this node through Tailscale",
        'set bind_address = "tailscale", and the same cluster_key on every node',
    )


def _dns(settings: Settings) -> MissingPart | None:
    if settings.dns.is_used:
        return None
    return MissingPart(
        "dns",
        "no DNS records follow the cluster",
        "set dns.zones, or point <domain> and *.<domain> at your nodes yourself",
    )


def _cannot_connect(path: str) -> str:
    """Return why the Unix socket at `path` does not accept a connection; "" when it does."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_TIMEOUT_S)
        try:
            probe.connect(path)
        except OSError as error:
            return (error.strerror or "it does not answer").lower()
        except ValueError:
            return "this is not a valid path of a socket"
    return ""
