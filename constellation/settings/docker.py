"""Settings of watching containers."""

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from constellation.monitor.docker_endpoint import DockerEndpoint, docker_endpoint
from constellation.monitor.inventory import InventoryPolicy
from constellation.monitor.published_ports import PublishPolicy
from constellation.settings.types import FilePath, Group, IpAddress


class DockerSettings(Group):
    """Watching the containers of this host."""

    enabled: bool = Field(True, description="false: do not use Docker")
    socket: str = Field(
        "/var/run/docker.sock",
        description="where the Docker Engine listens: the path of its socket, with or without "
        "unix://; or tcp://HOST:PORT, e.g. of a socket proxy; or https://HOST:PORT",
    )
    tls_ca_file: FilePath = Field(
        "",
        description="file with the certificates that Docker's own must be signed by, for "
        "tcp:// and https://; with it, tcp:// uses TLS",
    )
    tls_cert_file: FilePath = Field(
        "", description="file with the certificate that Docker asks of its clients"
    )
    tls_key_file: FilePath = Field("", description="file with the key of `tls_cert_file`")
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

    @field_validator("socket")
    @classmethod
    def check_socket(cls, value: str) -> str:
        """Refuse what no client of the agent can connect to."""
        docker_endpoint(value)
        return value

    @model_validator(mode="after")
    def check_tls(self) -> Self:
        """Refuse half a client certificate, and files that would not be used."""
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError(
                "docker.tls_cert_file and docker.tls_key_file belong together: set both or none"
            )
        if self.has_tls_files and self.endpoint.path:
            raise ValueError(
                "docker.tls_..._file are set, but docker.socket is a Unix socket, which has no "
                "TLS: remove them, or set docker.socket to tcp://HOST:PORT"
            )
        return self

    @property
    def is_expected(self) -> bool:
        """Whether an operator has said that Docker is here: then its absence is a fault."""
        return self.enabled and not self.model_fields_set.isdisjoint({"enabled", "socket"})

    @property
    def has_tls_files(self) -> bool:
        """Whether a certificate is configured, so that tcp:// means TLS."""
        return bool(self.tls_ca_file or self.tls_cert_file)

    @property
    def endpoint(self) -> DockerEndpoint:
        """Where the Engine listens."""
        return docker_endpoint(self.socket, has_tls=self.has_tls_files)

    def policy(
        self,
        *,
        bind_address: str,
        stopped_expiry_s: float,
        trusts_addresses: bool = False,
        static_names: Iterable[str] = (),
    ) -> InventoryPolicy:
        """Return the numbers of the core, for a node that is reached at `bind_address`."""
        return InventoryPolicy(
            publish=PublishPolicy(bind_address, self.publish_address or bind_address),
            watch=self.watch,
            stopped_expiry_s=stopped_expiry_s,
            trusts_addresses=trusts_addresses,
            static_names=frozenset(static_names),
        )
