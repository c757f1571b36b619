"""The numbers of the protocol.  Defaults are memberlist's for one LAN."""

from __future__ import annotations

from dataclasses import dataclass, field

PLAIN_VERSIONS = bytes([1, 5, 2, 0, 0, 0])  # a pool of memberlist's own or of ours


@dataclass(frozen=True, slots=True)
class SwimPolicy:
    """Times, counts and limits of one member."""

    probe_interval_s: float = 1.0
    probe_timeout_s: float = 0.5
    indirect_probes: int = 3
    gossip_interval_s: float = 0.2
    gossip_nodes: int = 3
    push_pull_interval_s: float = 30.0
    retransmit_multiplier: int = 4
    suspicion_multiplier: int = 4
    suspicion_timeout_max_multiplier: int = 6
    packet_bytes_max: int = 1200  # what `parts` of one datagram may come to, wrapping excluded
    local_health_multiplier_max: int = 8
    dead_gossip_s: float = 30.0
    dead_reclaim_s: float = 5.0  # after so long a dead member's name may have another address
    rejoin_interval_s: float = 5.0
    members_max: int = 4096
    former_max: int = 1024
    versions: bytes = PLAIN_VERSIONS
    meta: bytes = b""


@dataclass(frozen=True, slots=True)
class StatePolicy:
    """Times of the records."""

    expiry_s: float = 86_400.0
    grace_s: float = 30.0  # how long a new life keeps what its former one has published


@dataclass(frozen=True, slots=True)
class GossipPolicy:
    """All of it.  Without `records` the node is a member only, as among Serf agents."""

    swim: SwimPolicy = field(default_factory=SwimPolicy)
    state: StatePolicy = field(default_factory=StatePolicy)
    records: bool = True
