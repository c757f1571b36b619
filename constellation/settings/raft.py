"""Settings of Raft and of leases."""

from __future__ import annotations

from pydantic import Field, model_validator

from constellation.leases.policy import CLOCK_DRIFT_MAX, LeasePolicy
from constellation.raft.configuration import VOTERS_MAX
from constellation.raft.policy import RaftPolicy
from constellation.raft.steward import StewardPolicy
from constellation.settings.types import Group


class RaftSettings(Group):
    """The replicated log that decides what must not be decided twice."""

    bootstrap_expect: int = Field(
        0,
        ge=0,
        le=9,
        description="how many nodes begin the cluster together, the same on each; a node that is "
        "of a cluster, or finds one, does not begin another; 0: 1 if this node looks for no others",
    )
    witness: bool = Field(
        False,
        description="this node votes, but leads only for as long as no other can, and holds no "
        "lease; for a third, small machine beside two",
    )
    voters_max: int = Field(
        VOTERS_MAX, ge=1, le=9, description="nodes that vote; all others get the log only"
    )
    heartbeat_interval_s: float = Field(0.2, gt=0, le=10, description="between signs of the leader")
    election_timeout_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="without a sign of the leader for this to twice this, another is elected; less "
        "preferred nodes wait longer",
    )
    replace_after_s: float = Field(
        300.0, gt=0, description="a voter that is away for so long is replaced by one that is there"
    )
    forget_after_s: float = Field(
        259_200.0, gt=0, description="a node that is away for so long is no member any more"
    )
    preferred_stable_s: float = Field(
        30.0,
        gt=0,
        description="a node of lower `priority` number leads after it has been back for so long",
    )
    snapshot_entries: int = Field(
        8192, ge=16, description="entries in the log after which a snapshot takes their place"
    )

    @model_validator(mode="after")
    def check_times(self) -> RaftSettings:
        """Refuse times under which a leader that lives would be replaced."""
        self.policy()
        return self

    @model_validator(mode="after")
    def check_first_voters(self) -> RaftSettings:
        """Refuse to begin with more voters than there may be."""
        if self.bootstrap_expect > self.voters_max:
            raise ValueError(
                f"bootstrap_expect ({self.bootstrap_expect}) must be at most voters_max "
                f"({self.voters_max}): others join by themselves, and learn"
            )
        return self

    def policy(self) -> RaftPolicy:
        """Return the numbers of the core."""
        return RaftPolicy(
            heartbeat_interval_s=self.heartbeat_interval_s,
            election_timeout_s=self.election_timeout_s,
            resend_s=self.election_timeout_s / 2,
            snapshot_entries=self.snapshot_entries,
            voters_max=self.voters_max,
        )

    def steward_policy(self) -> StewardPolicy:
        """Return the patience with members."""
        return StewardPolicy(
            voters_max=self.voters_max,
            replace_after_s=self.replace_after_s,
            forget_after_s=self.forget_after_s,
            preferred_stable_s=self.preferred_stable_s,
        )


class LeaseSettings(Group):
    """Leases: what one node alone may do, such as writing DNS records."""

    ttl_s: float = Field(
        4.0, gt=0, le=3600, description="after so long without a renewal another node may have it"
    )
    renew_interval_s: float = Field(1.0, gt=0, description="between renewals by the holder")
    margin_s: float = Field(
        0.5,
        gt=0,
        description="so long before its time is over the holder stops; what it began must be done "
        "within that",
    )
    clock_drift: float = Field(
        0.01,
        ge=0,
        le=CLOCK_DRIFT_MAX,
        description="how much faster one node's clock may run than another's, as a fraction",
    )

    @model_validator(mode="after")
    def check_times(self) -> LeaseSettings:
        """Refuse times under which leases are lost for nothing, or held twice."""
        self.policy()
        return self

    def policy(self) -> LeasePolicy:
        """Return the numbers of the core."""
        return LeasePolicy(
            ttl_s=self.ttl_s,
            renew_interval_s=self.renew_interval_s,
            margin_s=self.margin_s,
            clock_drift=self.clock_drift,
        )
