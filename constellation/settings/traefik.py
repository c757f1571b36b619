"""Settings of the Traefik provider."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from constellation.settings.types import Group
from constellation.traefik.schema.checks import breaker_expression


class TraefikSettings(Group):
    """What the Traefik provider puts into its body."""

    version: Literal["3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7"] = Field(
        "3.0",
        description="oldest Traefik that polls; it refuses a whole configuration for one key that "
        "it does not know, so labels that ask for what came later are not honoured",
    )
    http_entry_points: tuple[str, ...] = Field(
        ("web",),
        description="entry points of HTTP routers that name none; empty: Traefik's default ones",
    )
    entry_points: tuple[str, ...] = Field(
        (),
        description="entry points of Traefik that labels may name besides `http_entry_points`; a "
        "router that names another is left out.  One called mongodb, redis, postgres or mysql "
        "gets a default TCP route to the service whose image is that",
    )
    cert_resolvers: tuple[str, ...] = Field(
        (), description="certificate resolvers of Traefik that labels may name"
    )
    plugins: tuple[str, ...] = Field(
        (), description="middleware plugins of Traefik that labels may name"
    )
    default_routes: Literal["unrouted", "all", "none"] = Field(
        "unrouted",
        description="which services get <service>.<domain> and <service>.<node>.<domain>: "
        "'unrouted', those without an HTTP router of their own; 'all', also the others, without "
        "the middlewares and the TLS of their own routers; 'none'",
    )
    local_preference: Literal["weights", "failover", "none"] = Field(
        "weights",
        description="how the node's own instances are preferred: 'weights', they get "
        "`local_weight` times the requests of one elsewhere; 'failover' (Traefik 3.7), GET, HEAD "
        "and OPTIONS go to them alone and, answered 502 to 504, to the others; 'none'",
    )
    local_weight: int = Field(
        2, ge=1, le=100, description="weight of an instance on this node; of one elsewhere it is 1"
    )
    retry_attempts: int = Field(
        6,
        ge=0,
        le=10,
        description="attempts of the retry middleware of all HTTP routers; 0: none.  Traefik may "
        "try the same server again, so with few servers it takes some to find another",
    )
    retry_initial_interval_s: float = Field(
        0.05, gt=0, le=10, description="first wait of the retry middleware"
    )
    circuit_breaker: str = Field(
        "",
        description="expression of a circuit breaker for all HTTP routers, e.g. "
        "'NetworkErrorRatio() > 0.30'; empty: none",
    )
    settle_s: float = Field(
        5.0,
        gt=0,
        le=600,
        description="after a start, seconds from hearing of the cluster until what it says is "
        "taken as complete; the last body, or 503, is served until then",
    )
    alone_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="after a start, seconds until a node that expects others and hears of none "
        "routes to itself only",
    )
    last_good_expiry_s: float = Field(
        86_400.0, gt=0, description="a body saved so long ago is not served after a start"
    )
    reaches_containers: bool = Field(
        True,
        description="this node's Traefik reaches containers at their own addresses: it runs on "
        "the host, or in its network; used for ports that are not published",
    )
    ingress_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="port of `ingress_entry_point` on `bind_address`, by which other nodes reach "
        "services here that publish no port; 0: none",
    )
    ingress_entry_point: str = Field(
        "constellation",
        min_length=1,
        description="entry point of Traefik for requests that other nodes pass on; it must listen "
        "where only nodes of the cluster reach it",
    )

    @field_validator("circuit_breaker")
    @classmethod
    def check_circuit_breaker(cls, value: str) -> str:
        """Refuse an expression that would disable every router."""
        if value and (wrong := breaker_expression(value)):
            raise ValueError(wrong)
        return value

    @model_validator(mode="after")
    def check_versions(self) -> TraefikSettings:
        """Refuse what the oldest Traefik does not have."""
        if self.local_preference == "failover" and self.version != "3.7":
            raise ValueError(
                f"local_preference is 'failover', which came with Traefik 3.7, and version is "
                f"{self.version}: set version to 3.7 if every Traefik is, or take 'weights'"
            )
        return self

    @property
    def all_entry_points(self) -> frozenset[str]:
        """Every entry point that labels may name."""
        return frozenset((*self.http_entry_points, *self.entry_points))
