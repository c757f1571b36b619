"""Settings of gossip.  The profiles are memberlist's, except for `packet_bytes_max`."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from constellation.gossip.policy import GossipPolicy, StatePolicy, SwimPolicy
from constellation.settings.types import Group, HostPort, Port

# Each profile as its differences from the defaults, which are `lan`.
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "lan": {},
    "wan": {
        "probe_interval_s": 5.0,
        "probe_timeout_s": 3.0,
        "gossip_interval_s": 0.5,
        "gossip_nodes": 4,
        "push_pull_interval_s": 60.0,
        "suspicion_multiplier": 6,
        "refused_grace_s": 6.0,
        "tcp_timeout_s": 30.0,
        "dead_gossip_s": 60.0,
    },
    "local": {
        "probe_timeout_s": 0.2,
        "indirect_probes": 1,
        "gossip_interval_s": 0.1,
        "push_pull_interval_s": 15.0,
        "retransmit_multiplier": 2,
        "suspicion_multiplier": 3,
        "tcp_timeout_s": 1.0,
        "dead_gossip_s": 15.0,
    },
}


class GossipSettings(Group):
    """SWIM membership and state exchange.  The defaults suit a LAN or mesh of up to 100 nodes."""

    port: Port = Field(7946, description="UDP and TCP port, on `bind_address`")
    seeds: tuple[HostPort, ...] = Field(
        (),
        description="members to join through, as host:port of their gossip; empty: wait for "
        "others to join",
    )
    profile: Literal["lan", "wan", "local"] = Field(
        "lan",
        description="defaults of this group: 'lan' as listed here, 'wan' for round trips above "
        "100 ms, 'local' for nodes on one host; settings given explicitly take precedence",
    )
    probe_interval_s: float = Field(1.0, gt=0, description="interval between probes, in seconds")
    probe_timeout_s: float = Field(
        0.5,
        gt=0,
        description="timeout of a direct probe, in seconds; about the 99th percentile of the "
        "round trip time",
    )
    indirect_probes: int = Field(
        3, ge=0, description="members asked to probe a member that did not acknowledge a probe"
    )
    gossip_interval_s: float = Field(
        0.2, gt=0, description="interval between gossip rounds, in seconds"
    )
    gossip_nodes: int = Field(3, ge=1, description="members that receive each round")
    push_pull_interval_s: float = Field(
        30.0, gt=0, description="interval between full state exchanges, in seconds"
    )
    retransmit_multiplier: int = Field(
        4, ge=1, description="an update is sent this x ceil(log10(members + 1)) times"
    )
    suspicion_multiplier: int = Field(
        4, ge=1, description="a suspicion lasts this x max(1, log10(members)) x probe_interval_s"
    )
    suspicion_timeout_max_multiplier: int = Field(
        6, ge=1, description="a suspicion that nobody confirms lasts this many times longer"
    )
    refused_grace_s: float = Field(
        3.0,
        gt=0,
        description="time within which an agent that ended can start again before it is declared "
        "dead, in seconds, if its host refuses connections; a suspicion takes longer otherwise",
    )
    tcp_timeout_s: float = Field(
        10.0, gt=0, description="timeout of one exchange over TCP, in seconds"
    )
    local_health_multiplier_max: int = Field(
        8,
        ge=1,
        description="a node that is itself slow probes up to this many times less often "
        "(Lifeguard)",
    )
    packet_bytes_max: int = Field(
        1200,
        ge=512,
        le=1400,
        description="largest UDP payload, in bytes; 1200 fits into a tailnet's packets",
    )
    dead_gossip_s: float = Field(
        30.0, gt=0, description="time during which a dead member still receives gossip, in seconds"
    )
    dead_reclaim_s: float = Field(
        5.0,
        gt=0,
        description="time after which the name of a dead member may rejoin with another address, "
        "in seconds",
    )
    record_expiry_s: float = Field(
        86_400.0,
        gt=0,
        description="time for which records of a dead or departed node are kept, in seconds",
    )
    rejoin_interval_s: float = Field(
        5.0,
        gt=0,
        description="interval between attempts to join through seeds that are not members, in "
        "seconds",
    )

    label: str = Field(
        "",
        max_length=64,
        pattern=r"^[ -~]*$",
        description="separates clusters that can reach one another: packets with another label "
        "are ignored",
    )

    @model_validator(mode="before")
    @classmethod
    def fill_from_profile(cls, values: Any) -> Any:
        """Take the value of the profile for each setting that is not given."""
        profile = values.get("profile") if isinstance(values, dict) else None
        known = PROFILES.get(profile, {}) if isinstance(profile, str) else {}
        return {**known, **values} if known else values

    @model_validator(mode="after")
    def check_probe_timeout(self) -> Self:
        """Refuse timings with which every member would be suspected."""
        if self.probe_timeout_s >= self.probe_interval_s:
            raise ValueError(
                f"probe_timeout_s ({self.probe_timeout_s}) must be below probe_interval_s "
                f"({self.probe_interval_s}), to leave time for the indirect probes"
            )
        return self

    def policy(self, *, overhead_bytes: int) -> GossipPolicy:
        """Return the numbers of the core, in whose packets `overhead_bytes` are the envelope's."""
        swim = SwimPolicy(
            probe_interval_s=self.probe_interval_s,
            probe_timeout_s=self.probe_timeout_s,
            indirect_probes=self.indirect_probes,
            gossip_interval_s=self.gossip_interval_s,
            gossip_nodes=self.gossip_nodes,
            push_pull_interval_s=self.push_pull_interval_s,
            retransmit_multiplier=self.retransmit_multiplier,
            suspicion_multiplier=self.suspicion_multiplier,
            suspicion_timeout_max_multiplier=self.suspicion_timeout_max_multiplier,
            refused_grace_s=self.refused_grace_s,
            packet_bytes_max=self.packet_bytes_max - overhead_bytes,
            dead_gossip_s=self.dead_gossip_s,
            dead_reclaim_s=self.dead_reclaim_s,
            local_health_multiplier_max=self.local_health_multiplier_max,
            rejoin_interval_s=self.rejoin_interval_s,
        )
        return GossipPolicy(swim, StatePolicy(expiry_s=self.record_expiry_s))
