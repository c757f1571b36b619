"""Which of the parts that a node can use are not on this host."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from constellation.settings.agent import Settings

CONNECT_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class MissingPart:
    """One part that is absent: why that is thought, and what to do about it."""

    part: str
    why: str
    fix: str


def find_missing(settings: Settings) -> tuple[MissingPart, ...]:
    """Return what is missing now, each part once.  Quick, and raises nothing."""
    return tuple(part for part in (_docker(settings), _tailscale(settings), _cloudflare()) if part)


def _docker(settings: Settings) -> MissingPart | None:
    if not settings.docker.enabled:
        return None
    why = _cannot_connect(settings.docker.socket)
    if not why:
        return None
    return MissingPart(
        "docker",
        f"{settings.docker.socket}: {why}; no container is watched until it answers",
        "install or start Docker, let this user use its socket, or set docker.enabled=false",
    )


def _tailscale(settings: Settings) -> MissingPart | None:
    if not settings.tailscale.enabled or settings.discovers_in_tailnet:
        return None  # nobody wants it, or an actor reports on it
    if _cannot_connect(settings.tailscale.socket):
        return MissingPart(
            "tailscale",
            "it does not run here and bind_address is on loopback, so no other host reaches this "
            "node",
            'install Tailscale and set bind_address = "tailscale", or use another mesh and set it '
            "to this node's address there",
        )
    return MissingPart(
        "tailscale",
        "it runs here, but bind_address is on loopback, so no other host reaches this node",
        'set bind_address = "tailscale", and the same cluster_key on every node',
    )


def _cloudflare() -> MissingPart:
    return MissingPart(
        "cloudflare",
        "this version keeps no DNS records",
        "let *.<domain> point at one or more of the nodes yourself",
    )


def _cannot_connect(path: str) -> str:
    """Return why the Unix socket at `path` does not answer; "" when it does."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECT_TIMEOUT_S)
        try:
            probe.connect(path)
        except OSError as error:
            return (error.strerror or "it does not answer").lower()
        except ValueError:
            return "that cannot be the path of a socket"
    return ""
