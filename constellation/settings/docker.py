"""Settings of watching containers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from constellation.monitor.inventory import InventoryPolicy
from constellation.monitor.published_ports import PublishPolicy
from constellation.settings.types import Group, IpAddress


class DockerSettings(Group):
    """Watching the containers of this host."""

    enabled: bool = Field(True, description="false: do not use Docker")
    socket: str = Field("/var/run/docker.sock", description="path of the Docker Engine's socket")
    watch: Literal["enabled", "all"] = Field(
        "enabled",
        description="'enabled': containers with the label traefik.enable=true or "
        "constellation.enable=true; 'all': every container",
    )
    reconcile_interval_s: float = Field(
        10.0,
        gt=0,
        description="interval between full listings of the containers, beside the event stream, "
        "in seconds",
    )
    connect_interval_s: float = Field(
        2.0, gt=0, description="interval between attempts to connect to Docker, in seconds"
    )
    request_timeout_s: float = Field(
        10.0, gt=0, description="timeout of one request to Docker, in seconds"
    )
    publish_address: IpAddress | None = Field(
        None,
        description="address at which other nodes reach published ports; unset: `bind_address`",
    )

    def policy(
        self, *, bind_address: str, stopped_expiry_s: float, static_names: Iterable[str] = ()
    ) -> InventoryPolicy:
        """Return the numbers of the core, for a node that is reached at `bind_address`."""
        return InventoryPolicy(
            publish=PublishPolicy(bind_address, self.publish_address or bind_address),
            watch=self.watch,
            stopped_expiry_s=stopped_expiry_s,
            static_names=frozenset(static_names),
        )
