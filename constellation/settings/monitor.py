"""Settings of service monitoring, and of the services that do not run in Docker."""

from typing import Any, Literal

from pydantic import Field, field_validator

from constellation.monitor.health import HealthPolicy
from constellation.settings.label_texts import label_texts
from constellation.settings.types import Group, HostPort, Name


class StaticService(Group):
    """One service that does not run in Docker, monitored by a check."""

    name: Name = Field(description="unique on this node; its label in host names of routes")
    address: HostPort = Field(description="host:port at which other nodes reach it")
    check: Literal["http", "tcp"] = Field("tcp", description="an HTTP request, or a TCP connection")
    path: str = Field("/", description="path of an HTTP check; it passes with status 2xx or 3xx")
    interval_s: float = Field(1.0, gt=0, description="interval between checks, in seconds")
    timeout_s: float = Field(1.0, gt=0, description="timeout of one check, in seconds")
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="as on a container, e.g. traefik.http.routers...; a table, or a list of "
        "'name=value'; $ is written once, not twice as in a Compose file",
    )

    @field_validator("address", mode="before")
    @classmethod
    def check_no_url(cls, value: object) -> object:
        """Refuse a URL, and name the label that says what its scheme would."""
        if isinstance(value, str) and value.strip().lower().startswith("https://"):
            bare = value.strip()[len("https://") :].partition("/")[0]
            raise ValueError(
                f"{value!r:.80} is not host:port: write {bare if ':' in bare else bare + ':443'}, "
                "with check = 'tcp' and the label "
                "traefik.http.services.NAME.loadbalancer.server.scheme=https"
            )
        return value

    @field_validator("path")
    @classmethod
    def check_path(cls, value: str) -> str:
        """Refuse what is no path of a URL."""
        if not value.startswith("/"):
            raise ValueError(f"must start with /, e.g. {f'/{value}'!r:.80}")
        if not value.isprintable():
            raise ValueError("it contains unprintable characters: write the path of a URL")
        return value

    @field_validator("labels", mode="before")
    @classmethod
    def check_labels(cls, value: Any) -> dict[str, str]:
        """Take each form in which labels are written."""
        return label_texts(value)


class MonitorSettings(Group):
    """From check results to the health of a service."""

    failing_count: int = Field(
        2,
        ge=1,
        description="consecutive failing checks after which a static service is unhealthy",
    )
    passing_count: int = Field(
        1, ge=1, description="consecutive passing checks after which it is healthy again"
    )
    stopped_expiry_s: float = Field(
        300.0,
        ge=0,
        description="time after which a container that stays stopped is no longer published, in "
        "seconds",
    )

    def policy(self) -> HealthPolicy:
        """Return the numbers of the core."""
        return HealthPolicy(failing_count=self.failing_count, passing_count=self.passing_count)
