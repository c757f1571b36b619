"""Settings of Tailscale discovery."""

from typing import TYPE_CHECKING

from pydantic import Field

from constellation.settings.types import FilePath, Group

if TYPE_CHECKING:
    from constellation.tailscale.seeds import SeedPolicy


class TailscaleSettings(Group):
    """Discovering the other nodes in a tailnet, of Tailscale or Headscale."""

    enabled: bool = Field(
        True,
        description="false: do not use Tailscale; it is not used either while `bind_address` is "
        "on loopback",
    )
    socket: FilePath = Field(
        "/var/run/tailscale/tailscaled.sock",
        min_length=1,
        description="path of tailscaled's socket; the fallback is `tailscale status`",
    )
    tag: str = Field(
        "tag:constellation",
        pattern=r"^(tag:[A-Za-z][A-Za-z0-9-]*)?$",
        description="machines with this tag are seeds; empty: no machine is selected by its tags",
    )
    hostname_prefix: str = Field(
        "",
        max_length=63,
        pattern=r"^[A-Za-z0-9-]*$",
        description="machines whose name starts with this are seeds; empty: no machine is "
        "selected by its name",
    )
    refresh_interval_s: float = Field(
        10.0, gt=0, description="interval between queries, in seconds"
    )
    request_timeout_s: float = Field(3.0, gt=0, description="timeout of one query, in seconds")
    wait_s: float = Field(
        60.0,
        ge=0,
        description='with bind_address = "tailscale": time that the start waits for an address in '
        "the tailnet, in seconds",
    )

    def policy(self) -> "SeedPolicy":
        """Return the rules of the core."""
        # Not above: an operator's command has these settings, and no use for the core.
        from constellation.tailscale.seeds import SeedPolicy  # noqa: PLC0415

        return SeedPolicy(tag=self.tag, hostname_prefix=self.hostname_prefix)
