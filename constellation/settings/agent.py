"""All settings of the agent in one model.

Names are the same everywhere: `gossip.port` in a TOML or YAML file, `--set gossip.port=7946`
on the command line, `CONSTELLATION_GOSSIP__PORT` in the environment.  The command line wins
over the environment, which wins over the file, which wins over the defaults below.
Only `constellation/settings/source.py` reads files and the environment.
"""

from typing import Literal, Self, TypeVar

from pydantic import Field, model_validator

from constellation.dns.mark import check_managed
from constellation.dns.names import zone_of
from constellation.errors import ConfigError
from constellation.settings.addresses import TAILSCALE
from constellation.settings.dns import DnsSettings
from constellation.settings.docker import DockerSettings
from constellation.settings.gossip import GossipSettings
from constellation.settings.http import HttpSettings
from constellation.settings.listeners import Listener, check_listeners
from constellation.settings.monitor import MonitorSettings, StaticService
from constellation.settings.node import NodeSettings
from constellation.settings.raft import LeaseSettings, RaftSettings
from constellation.settings.supervisor import SupervisorSettings
from constellation.settings.traefik import TraefikSettings
from constellation.settings.types import Domain, Group
from constellation.settings.warp import WarpSettings

G = TypeVar("G", bound=Group)


class LogSettings(Group):
    """The log, which goes to standard error."""

    form: Literal["auto", "json", "console"] = Field(
        "auto", description="'auto': `console` on a terminal, `json` otherwise"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged"
    )


class Settings(NodeSettings):
    """The whole configuration of one agent."""

    domain: Domain = Field(
        "localhost",
        description="routes use the host names <service>.<domain> and <service>.<node>.<domain>",
    )
    priority: int = Field(
        100, ge=0, le=65535, description="a node with a lower number is preferred as leader"
    )
    static_services: tuple[StaticService, ...] = Field(
        (), max_length=512, description="services that do not run in Docker, with their checks"
    )
    supervisor: SupervisorSettings = SupervisorSettings()
    gossip: GossipSettings = GossipSettings()
    raft: RaftSettings = RaftSettings()
    leases: LeaseSettings = LeaseSettings()
    docker: DockerSettings = DockerSettings()
    monitor: MonitorSettings = MonitorSettings()
    http: HttpSettings = HttpSettings()
    traefik: TraefikSettings = TraefikSettings()
    dns: DnsSettings = DnsSettings()
    warp: WarpSettings = WarpSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def check_static_names(self) -> Self:
        """Refuse two static services with the same name."""
        names = [service.name for service in self.static_services]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"static_services: {', '.join(twice)} defined more than once")
        return self

    @model_validator(mode="after")
    def check_ports(self) -> Self:
        """Refuse two listeners with the same address and port."""
        check_listeners(self.listeners)
        return self

    @model_validator(mode="after")
    def check_exposure(self) -> Self:
        """Refuse to listen beyond this host without a key that all nodes share."""
        if not self.is_loopback and self.cluster_key is None and self.cluster_key_file is None:
            raise ValueError(
                f"bind_address {self.bind_address} is reachable from other hosts, but cluster_key "
                "is not set: set the same cluster_key on every node (`constellation keygen` "
                "generates one), or bind to 127.0.0.1"
            )
        return self

    @model_validator(mode="after")
    def check_tailscale(self) -> Self:
        """Refuse an address of Tailscale that must not be asked for."""
        if self.binds_to_tailnet and not self.tailscale.enabled:
            raise ValueError(
                f'an address is "{TAILSCALE}", but tailscale.enabled is false: set it to true, or '
                "write the address itself"
            )
        return self

    @model_validator(mode="after")
    def check_warp(self) -> Self:
        """Refuse gateways without Docker, in whose containers they are."""
        if self.warp.is_used and not self.docker.enabled:
            raise ValueError(
                "warp.gateways names containers, but docker.enabled is false: set it to true"
            )
        return self

    @model_validator(mode="after")
    def check_dns(self) -> Self:
        """Refuse domains without a zone, and marks that would not be found again."""
        if not self.dns.is_used:
            return self
        zones = tuple(zone.name for zone in self.dns.zones)
        for domain in self.dns.domains or (self.domain,):
            if zone_of(domain, zones) is None:
                raise ValueError(
                    f"{domain} is in none of dns.zones ({', '.join(zones)}): add its zone, or set "
                    "dns.domains to the domains whose records follow the cluster"
                )
        check_managed(self.dns.mark(self.domain))
        return self

    def section(self, kind: type[G]) -> G:
        """Return the group of this class; each actor that brings one has it here.

        Raises:
            LookupError: no actor of the registry brings it.
        """
        for name in type(self).model_fields:
            group = getattr(self, name)
            if isinstance(group, kind):
                return group
        raise LookupError(f"no group of the settings is a {kind.__name__}")

    @property
    def binds_to_tailnet(self) -> bool:
        """Whether "tailscale" stands where an address must."""
        return TAILSCALE in {self.bind_address, self.http.bind_address}

    def bound_to(self, address: str) -> Self:
        """Return the same settings with `address` where "tailscale" stands.

        Raises:
            ConfigError: two listeners have the same address and port now.
        """
        bind = address if self.bind_address == TAILSCALE else self.bind_address
        http = address if self.http.bind_address == TAILSCALE else self.http.bind_address
        group = self.http.model_copy(update={"bind_address": http})
        bound = self.model_copy(update={"bind_address": bind, "http": group})
        try:
            check_listeners(bound.listeners)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return bound

    @property
    def discovers_in_tailnet(self) -> bool:
        """Whether other nodes are looked for in the tailnet: on loopback none can be reached."""
        return self.tailscale.enabled and not self.is_loopback

    @property
    def looks_for_others(self) -> bool:
        """Whether this node is set to find other nodes by itself."""
        return bool(self.gossip.seeds) or self.discovers_in_tailnet

    @property
    def bootstrap_expect(self) -> int:
        """How many nodes begin the Raft cluster; 0: this node begins none."""
        return self.raft.bootstrap_expect or (0 if self.looks_for_others else 1)

    @property
    def http_bind_address(self) -> str:
        """Where the HTTP listener is."""
        return self.http.bind_address or "127.0.0.1"

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Return every address and port on which this agent, or the Traefik beside it, listens."""
        own, http = self.bind_address, self.http_bind_address
        found = [
            Listener("gossip.port", own, self.gossip.port, protocols=("tcp", "udp")),
            Listener("actors.port", own, self.actors.port),
            Listener("http.port", http, self.http.port, address_setting="http.bind_address"),
        ]
        if self.traefik.ingress_port:
            port = self.traefik.ingress_port
            found.append(Listener("traefik.ingress_port", own, port, is_own=False))
        return tuple(found)
