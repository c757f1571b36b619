"""Settings of gossip.  Profiles are memberlist's, but for `packet_bytes_max`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from constellation.gossip.policy import GossipPolicy, StatePolicy, SwimPolicy
from constellation.settings.types import Group, HostPort, Port

# What differs from the defaults, which are the profile `lan`.
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "lan": {},
    "wan": {
        "probe_interval_s": 5.0,
        "probe_timeout_s": 3.0,
        "gossip_interval_s": 0.5,
        "gossip_nodes": 4,
        "push_pull_interval_s": 60.0,
        "suspicion_multiplier": 6,
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
    """SWIM membership and state exchange.  Defaults suit one LAN or mesh of up to 100 nodes."""

    port: Port = Field(7946, description="UDP and TCP port, on `bind_address`")
    seeds: tuple[HostPort, ...] = Field(
        (), description="members to join through, host:port of their gossip; empty: wait for others"
    )
    profile: Literal["lan", "wan", "local"] = Field(
        "lan",
        description="the defaults of this group: 'lan' as below, 'wan' for trips of over 100 ms, "
        "'local' for nodes on one host; what is set wins",
    )
    probe_interval_s: float = Field(1.0, gt=0, description="seconds between probes")
    probe_timeout_s: float = Field(0.5, gt=0, description="wait for an ack; about the p99 trip")
    indirect_probes: int = Field(3, ge=0, description="members asked to probe in our place")
    gossip_interval_s: float = Field(0.2, gt=0, description="seconds between rounds of news")
    gossip_nodes: int = Field(3, ge=1, description="members told in each round")
    push_pull_interval_s: float = Field(30.0, gt=0, description="seconds between full exchanges")
    retransmit_multiplier: int = Field(
        4, ge=1, description="a piece of news is sent this x ceil(log10(members + 1)) times"
    )
    suspicion_multiplier: int = Field(
        4, ge=1, description="suspicion lasts this x max(1, log10(members)) x probe_interval_s"
    )
    suspicion_timeout_max_multiplier: int = Field(
        6, ge=1, description="an unconfirmed suspicion lasts this many times longer"
    )
    tcp_timeout_s: float = Field(10.0, gt=0, description="limit of one exchange over TCP")
    local_health_multiplier_max: int = Field(
        8, ge=1, description="a node with trouble of its own probes up to so many times slower"
    )
    packet_bytes_max: int = Field(
        1200, ge=512, le=1400, description="largest UDP payload; 1,200 fits a tailnet"
    )
    dead_gossip_s: float = Field(30.0, gt=0, description="news still goes to the dead for so long")
    dead_reclaim_s: float = Field(
        5.0, gt=0, description="a dead member's name may return with another address after so long"
    )
    record_expiry_s: float = Field(
        86_400.0, gt=0, description="records of a dead or departed node are kept for so long"
    )
    rejoin_interval_s: float = Field(
        5.0, gt=0, description="seconds between tries to reach seeds that are not members"
    )

    label: str = Field(
        "",
        max_length=64,
        pattern=r"^[ -~]*$",
        description="keeps clusters apart that could reach one another: nodes of other labels are "
        "not heard",
    )

    @model_validator(mode="before")
    @classmethod
    def fill_from_profile(cls, values: Any) -> Any:
        """Take the profile's value of what is not set."""
        profile = values.get("profile") if isinstance(values, dict) else None
        known = PROFILES.get(profile, {}) if isinstance(profile, str) else {}
        return {**known, **values} if known else values

    @model_validator(mode="after")
    def check_probe_timeout(self) -> GossipSettings:
        """Refuse settings under which every member would be suspected."""
        if self.probe_timeout_s >= self.probe_interval_s:
            raise ValueError(
                f"probe_timeout_s ({self.probe_timeout_s}) must be below probe_interval_s "
                f"({self.probe_interval_s}), or a probe has no time for its indirect round"
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
            packet_bytes_max=self.packet_bytes_max - overhead_bytes,
            dead_gossip_s=self.dead_gossip_s,
            dead_reclaim_s=self.dead_reclaim_s,
            local_health_multiplier_max=self.local_health_multiplier_max,
            rejoin_interval_s=self.rejoin_interval_s,
        )
        return GossipPolicy(swim, StatePolicy(expiry_s=self.record_expiry_s))
