"""Settings of the HTTP listener."""

from pydantic import Field

from constellation.settings.types import BindAddress, Domain, Group, Port


class HttpSettings(Group):
    """The agent's HTTP listener: Traefik's provider, health and metrics."""

    bind_address: BindAddress | None = Field(
        None,
        description="address to listen on; unset: 127.0.0.1, so that only this host's Traefik can "
        "poll it; 'tailscale': as for `bind_address` of the node",
    )
    port: Port = Field(8081, description="TCP port of the listener")
    allowed_hosts: tuple[Domain, ...] = Field(
        (),
        description="names by which clients may address the listener, such as the Tailscale name "
        "of this node; IP addresses, names without a dot and names below `domain` are always "
        "allowed. A request that names another host is refused, because it may come from a page "
        "in a browser",
    )
    requests_max: int = Field(
        128,
        ge=1,
        description="largest number of connections; a further one replaces the idlest, or gets 503",
    )
    head_timeout_s: float = Field(
        10.0, gt=0, description="time within which a request head must arrive, in seconds"
    )
    idle_timeout_s: float = Field(
        75.0,
        gt=0,
        description="time without a request after which a connection is closed, in seconds",
    )
