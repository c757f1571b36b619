"""States of WARP gateways for tests."""

from __future__ import annotations

from messages.gossip import NodeWarpState
from messages.warp import WarpHealth, WarpState


def gateway(node: str, health: WarpHealth, name: str = "gate") -> NodeWarpState:
    reason = "" if health == "healthy" else "www.cloudflare.com says warp=off"
    return NodeWarpState(node=node, state=WarpState(gateway=name, health=health, reason=reason))
