"""What reaches the agent of this host: its address, its files, and the cluster key.

`Settings` has these too.  An operator's command needs no others, and loads no others.
"""

import ipaddress
import string
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from constellation.settings.addresses import TAILSCALE
from constellation.settings.tailscale import TailscaleSettings
from constellation.settings.types import (
    CLUSTER_KEY_CHARACTERS_MIN,
    BindAddress,
    FilePath,
    Group,
    HostPort,
    Name,
    Port,
)


class ActorSettings(Group):
    """The actor system: messages between the processes of one node and between nodes."""

    port: Port = Field(7947, description="TCP port of the actor system, on `bind_address`")
    leaders: tuple[HostPort, ...] = Field(
        (),
        description="actor systems to form one convention with, host:port; empty: the hosts of "
        "`gossip.seeds` and those discovered in the tailnet, each with this node's `actors.port`",
    )
    user_timeout_s: float = Field(
        5.0,
        gt=0,
        le=60,
        description="time after which a connection with unacknowledged data is closed, in seconds",
    )
    peer_queue_bytes_max: int = Field(
        4 << 20, ge=1 << 16, description="bytes queued for one peer; further messages are dropped"
    )


class NodeSettings(Group):
    """Where the agent of a node is, and by what it knows who may talk to it."""

    node_name: Name = Field(
        description="unique name in the cluster, e.g. 'alpha'; unset: the host name"
    )
    bind_address: BindAddress = Field(
        "127.0.0.1",
        description="address to listen on, at which other nodes reach this one; 'tailscale': this "
        "machine's tailnet address at the start of the agent",
    )
    data_dir: FilePath = Field(
        min_length=1,
        description="directory of the state that survives a restart; unset: "
        "/var/lib/constellation for root, otherwise $XDG_STATE_HOME/constellation or "
        "~/.local/state/constellation",
    )
    runtime_dir: FilePath | None = Field(
        None, description="directory of the local actors' sockets; unset: `run` in data_dir"
    )
    cluster_key: SecretStr | None = Field(
        None,
        description="secret shared by all nodes, 32 characters or more; unset: one is generated "
        "in data_dir, for this host only (bind_address must be on loopback)",
    )
    cluster_key_file: FilePath | None = Field(None, description="file that contains cluster_key")
    actors: ActorSettings = ActorSettings()
    tailscale: TailscaleSettings = TailscaleSettings()

    @field_validator("cluster_key")
    @classmethod
    def check_cluster_key(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse a key that could be guessed; strip white space around it, as in its file."""
        if value is None:
            return None
        key = value.get_secret_value().strip(string.whitespace)
        if len(key) < CLUSTER_KEY_CHARACTERS_MIN:
            raise ValueError(
                f"it has {len(key)} characters, {CLUSTER_KEY_CHARACTERS_MIN} are needed; "
                "`constellation keygen` generates one"
            )
        if not key.isprintable():
            raise ValueError(
                "it contains unprintable characters; `constellation keygen` generates one"
            )
        return SecretStr(key)

    @model_validator(mode="after")
    def check_one_key(self) -> Self:
        """Refuse two sources of one secret."""
        if self.cluster_key is not None and self.cluster_key_file is not None:
            raise ValueError("cluster_key and cluster_key_file are both set: remove one of them")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether no other host can reach this node."""
        return self.bind_address != TAILSCALE and (
            ipaddress.ip_address(self.bind_address).is_loopback
        )
