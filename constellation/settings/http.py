"""Settings of the HTTP listener."""

from __future__ import annotations

from pydantic import Field

from constellation.settings.types import BindAddress, Group, Port


class HttpSettings(Group):
    """The agent's HTTP listener: Traefik's provider, health, metrics."""

    bind_address: BindAddress | None = Field(
        None,
        description="unset: 127.0.0.1, so that only this host's Traefik reads it; 'tailscale' as "
        "for the node",
    )
    port: Port = Field(8081, description="TCP port of the listener")
    requests_max: int = Field(
        128,
        ge=1,
        description="connections held at once; one more takes the place of the idlest, or gets 503",
    )
    head_timeout_s: float = Field(
        10.0, gt=0, description="until a connection must have sent a whole request head"
    )
    idle_timeout_s: float = Field(
        75.0, gt=0, description="a connection without a request for so long is closed"
    )
