"""Settings of Tailscale discovery."""

from __future__ import annotations

from pydantic import Field

from constellation.settings.types import Group
from constellation.tailscale.seeds import SeedPolicy


class TailscaleSettings(Group):
    """Finding the other nodes in the tailnet, of Tailscale or Headscale."""

    enabled: bool = Field(
        True,
        description="false: do not ask Tailscale at all; it is not asked either while "
        "`bind_address` is on loopback",
    )
    socket: str = Field(
        "/var/run/tailscale/tailscaled.sock",
        min_length=1,
        description="path of tailscaled's socket; if it cannot be used, `tailscale status` is run",
    )
    tag: str = Field(
        "tag:constellation",
        pattern=r"^(tag:[A-Za-z][A-Za-z0-9-]*)?$",
        description="machines of the tailnet with this tag are members to join through; empty: "
        "tags do not count",
    )
    hostname_prefix: str = Field(
        "",
        max_length=63,
        pattern=r"^[A-Za-z0-9-]*$",
        description="machines whose name begins so are such members too; empty: names do not count",
    )
    refresh_interval_s: float = Field(10.0, gt=0, description="seconds between questions")
    request_timeout_s: float = Field(3.0, gt=0, description="limit of one question")
    wait_s: float = Field(
        60.0,
        ge=0,
        description='with bind_address = "tailscale": how long a start waits until this machine '
        "has an address in the tailnet",
    )

    def policy(self) -> SeedPolicy:
        """Return the rules of the core."""
        return SeedPolicy(tag=self.tag, hostname_prefix=self.hostname_prefix)
