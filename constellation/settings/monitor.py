"""Settings of service monitoring, and of the services that do not run in Docker."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from constellation.monitor.health import HealthPolicy
from constellation.settings.types import Group, HostPort, Name


class StaticService(Group):
    """One service that does not run in Docker, watched by a check."""

    name: Name = Field(description="unique on this node; its host name in routes")
    address: HostPort = Field(description="host:port where other nodes reach it")
    check: Literal["http", "tcp"] = Field("tcp", description="how it is checked")
    path: str = Field("/", pattern="^/", description="for HTTP: 2xx or 3xx is passing")
    interval_s: float = Field(1.0, gt=0, description="seconds between checks")
    timeout_s: float = Field(1.0, gt=0, description="limit of one check")
    labels: dict[str, str] = Field(
        default_factory=dict, description="as on a container, e.g. traefik.http.routers..."
    )


class MonitorSettings(Group):
    """From single checks to health."""

    failing_count: int = Field(
        2, ge=1, description="failing checks in a row of a static service until it is unhealthy"
    )
    passing_count: int = Field(
        1, ge=1, description="passing checks in a row until it is healthy again"
    )
    stopped_expiry_s: float = Field(
        300.0, ge=0, description="a stopped container still listed after so long is withdrawn"
    )

    def policy(self) -> HealthPolicy:
        """Return the numbers of the core."""
        return HealthPolicy(failing_count=self.failing_count, passing_count=self.passing_count)
