"""The parameters of the protocol.  The defaults are those of memberlist for a LAN."""

from __future__ import annotations

from msgspec import field

from constellation.value import Value

PLAIN_VERSIONS = bytes([1, 5, 2, 0, 0, 0])  # of memberlist's protocols, without Serf's


class SwimPolicy(Value):
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
    refused_grace_s: float = 3.0  # for a suspect whose host refuses connections to return
    packet_bytes_max: int = 1200  # of one datagram, without label and encryption
    local_health_multiplier_max: int = 8
    dead_gossip_s: float = 30.0
    dead_reclaim_s: float = 5.0  # time after which another node may take the name of a dead member
    rejoin_interval_s: float = 5.0
    members_max: int = 4096
    former_max: int = 1024
    versions: bytes = PLAIN_VERSIONS
    meta: bytes = b""


class StatePolicy(Value):
    """Times of the records."""

    expiry_s: float = 86_400.0
    grace_s: float = 30.0  # how long a new life keeps the records of the previous one


class GossipPolicy(Value):
    """All parameters of a node.  Without `records` it is a member only, e.g. among Serf agents."""

    swim: SwimPolicy = field(default_factory=SwimPolicy)
    state: StatePolicy = field(default_factory=StatePolicy)
    records: bool = True
