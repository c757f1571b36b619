"""The numbers of one member: of the protocol, of looking after members, of how a cluster begins."""

from __future__ import annotations

from dataclasses import dataclass, field

from constellation.raft.bootstrap import ALONE_SETTLE_S, SETTLE_S
from constellation.raft.following import CheckSnapshot
from constellation.raft.node import FirstState
from constellation.raft.policy import RaftPolicy
from constellation.raft.steward import StewardPolicy


@dataclass(frozen=True, slots=True)
class MemberPolicy:
    """The numbers of one member."""

    raft: RaftPolicy
    steward: StewardPolicy
    bootstrap_expect: int  # nodes that begin the cluster together; 0: this one begins none
    first_state: FirstState = field(default_factory=FirstState)  # from which a cluster begins
    check_snapshot: CheckSnapshot = len
    looks_for_others: bool = False  # then one alone waits whether others have a cluster

    @property
    def settle_s(self) -> float:
        """How long the same nodes must be seen before they begin a cluster."""
        if self.bootstrap_expect > 1:
            return SETTLE_S
        return ALONE_SETTLE_S if self.looks_for_others else 0.0
