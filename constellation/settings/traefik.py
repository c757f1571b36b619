"""Settings of the Traefik provider."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from constellation.settings.types import Group, HostPort
from constellation.traefik.schema.checks import breaker_expression

_HOST_PATTERN = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_WHO = re.compile(r"[^@\s]{1,128}|[^@\s]{0,128}@[^@\s]{1,63}")


class TraefikSettings(Group):
    """What the Traefik provider puts into the body, and how long it settles after a start."""

    version: Literal["3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7"] = Field(
        "3.0",
        description="version of the oldest Traefik that polls.  Traefik refuses a whole "
        "configuration for one unknown key, so labels that need a later version are left out",
    )
    http_entry_points: tuple[str, ...] = Field(
        ("web",),
        description="entry points of HTTP routers that name none; empty: Traefik's defaults",
    )
    entry_points: tuple[str, ...] = Field(
        (),
        description="entry points of Traefik that labels may name in addition to "
        "`http_entry_points`; a router that names another one is left out.  An entry point called "
        "mongodb, redis, postgres or mysql gets a default TCP route to the service with that image",
    )
    cert_resolvers: tuple[str, ...] = Field(
        (), description="certificate resolvers of Traefik that labels may name"
    )
    plugins: tuple[str, ...] = Field(
        (), description="middleware plugins of Traefik that labels may name"
    )
    hosts_allowed: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="who may claim a host name: a table from 'app.example.org', '*.example.org' or "
        "'*' to a list of services, nodes ('@alpha') or both ('app@alpha'); others are left out.  "
        "The most specific name counts; a host that is not in the table is free",
    )
    providers: tuple[str, ...] = Field(
        ("file", "internal"),
        description="providers of Traefik besides this one, to whose elements labels may refer, "
        "such as auth@file",
    )
    default_routes: Literal["unrouted", "all", "none"] = Field(
        "unrouted",
        description="which services get the default hosts <service>.<domain> and "
        "<service>.<node>.<domain>: 'unrouted', services without an HTTP router of their own; "
        "'all', every service, without the middlewares and TLS of its own routers; 'none'",
    )
    local_preference: Literal["weights", "failover", "none"] = Field(
        "weights",
        description="how instances on this node are preferred: 'weights', each gets `local_weight` "
        "times the requests of an instance elsewhere; 'failover' (Traefik 3.7), GET, HEAD and "
        "OPTIONS go only to them, and to the others after a 502, 503 or 504; 'none'",
    )
    local_weight: int = Field(
        2, ge=1, le=100, description="weight of an instance on this node; elsewhere the weight is 1"
    )
    retry_attempts: int = Field(
        6,
        ge=0,
        le=10,
        description="attempts of the retry middleware of all HTTP routers; 0: no retries.  Traefik "
        "may choose the same server again, so with few servers several attempts are needed",
    )
    retry_initial_interval_s: float = Field(
        0.05, gt=0, le=10, description="wait before the first retry, in seconds"
    )
    circuit_breaker: str = Field(
        "",
        description="expression of a circuit breaker for all HTTP routers, e.g. "
        "'NetworkErrorRatio() > 0.30'; empty: no circuit breaker",
    )
    settle_s: float = Field(
        5.0,
        gt=0,
        le=600,
        description="after a start, time from the first contact with another node until the state "
        "of the cluster counts as complete, in seconds; until then the last good body is served, "
        "or 503",
    )
    alone_s: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="after a start, time after which a node that expects others but knows none "
        "routes to its own instances only, in seconds",
    )
    last_good_expiry_s: float = Field(
        86_400.0,
        gt=0,
        description="age at which a saved body is no longer served after a start, in seconds",
    )
    reaches_containers: bool = Field(
        True,
        description="whether this node's Traefik reaches containers at their own addresses, "
        "because it runs on the host or in its network; needed for ports that are not published.  "
        "Not by default if Docker runs rootless or in Docker Desktop; set it to true if Traefik "
        "runs inside too",
    )
    ingress_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="port of `ingress_entry_point` on `bind_address`, through which other nodes "
        "reach services on this node that publish no port; 0: none",
    )
    ingress_entry_point: str = Field(
        "constellation",
        min_length=1,
        description="entry point of Traefik for requests that other nodes pass on; it must listen "
        "on an address that only nodes of the cluster reach",
    )

    probe: tuple[HostPort, ...] = Field(
        (),
        max_length=16,
        description="entry points of this node's Traefik through which requests from outside come, "
        "as this host reaches them, such as '127.0.0.1:80' and '127.0.0.1:443'.  A node of which "
        "one does not answer gives the lease lb-leader up, and does not take it; the entry point "
        "of `ingress_port` is asked in any case",
    )

    @field_validator("hosts_allowed")
    @classmethod
    def check_hosts_allowed(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Refuse what is no host name, and write host names in lower case."""
        lower = {pattern.lower().rstrip("."): allowed for pattern, allowed in value.items()}
        for pattern, allowed in lower.items():
            if not _HOST_PATTERN.fullmatch(pattern):
                raise ValueError(f"{pattern!r:.80} is no host name, *.domain or *")
            for who in allowed:
                if not _WHO.fullmatch(who):
                    raise ValueError(f"{who!r:.80} is no service, @node or service@node")
        return lower

    @field_validator("circuit_breaker")
    @classmethod
    def check_circuit_breaker(cls, value: str) -> str:
        """Refuse an expression that would disable every router."""
        if value and (wrong := breaker_expression(value)):
            raise ValueError(f"{wrong.reason}: {wrong.remedy}")
        return value

    @model_validator(mode="after")
    def check_versions(self) -> Self:
        """Refuse settings that need a later Traefik than `version`."""
        if self.local_preference == "failover" and self.version != "3.7":
            raise ValueError(
                f"local_preference 'failover' needs Traefik 3.7, and version is {self.version}: "
                "set version to 3.7 if every Traefik has it, or use 'weights'"
            )
        return self

    @property
    def says_it_reaches_containers(self) -> bool:
        """Whether an operator says so, which then holds whatever Docker says of itself."""
        return self.reaches_containers and "reaches_containers" in self.model_fields_set

    @property
    def offered_ingress_port(self) -> int:
        """The ingress port for other nodes; 0 if it would lead to no container."""
        return self.ingress_port if self.reaches_containers else 0

    @property
    def all_entry_points(self) -> frozenset[str]:
        """Every entry point that labels may name."""
        return frozenset((*self.http_entry_points, *self.entry_points))
