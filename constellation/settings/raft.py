"""Settings of Raft and of leases."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from constellation.leases.hooks import Hook, check_unique
from constellation.leases.policy import CLOCK_DRIFT_MAX, LeasePolicy
from constellation.raft.configuration import VOTERS_MAX
from constellation.raft.policy import RaftPolicy
from constellation.raft.steward import StewardPolicy
from constellation.settings.types import FilePath, Group
from messages.leases import NAME_PATTERN


class RaftSettings(Group):
    """Raft: leader election and the replicated log."""

    bootstrap_expect: int = Field(
        0,
        ge=0,
        le=9,
        description="number of nodes that bootstrap the cluster together, the same on each; a "
        "node that belongs to a cluster, or finds one, does not bootstrap another; 0: 1 if this "
        "node has no way to find others, otherwise it does not bootstrap",
    )
    witness: bool = Field(
        False,
        description="this node votes, but leads only while no other node can, and holds no lease; "
        "for a small third machine beside two",
    )
    voters_max: int = Field(
        VOTERS_MAX,
        ge=1,
        le=9,
        description="largest number of voters; further members are learners",
    )
    heartbeat_interval_s: float = Field(
        0.2, gt=0, le=10, description="interval between heartbeats of the leader, in seconds"
    )
    election_timeout_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="time without a heartbeat after which an election starts, in seconds; drawn "
        "between this and twice this, longer on less preferred nodes",
    )
    replace_after_s: float = Field(
        300.0,
        gt=0,
        description="time after which an unreachable voter is replaced by a reachable learner, in "
        "seconds",
    )
    forget_after_s: float = Field(
        259_200.0,
        gt=0,
        description="time after which an unreachable node is removed from the members, in seconds",
    )
    preferred_stable_s: float = Field(
        30.0,
        gt=0,
        description="time that a node with a lower `priority` number must have been reachable "
        "before it takes over as leader, in seconds",
    )
    snapshot_entries: int = Field(
        8192, ge=16, description="number of log entries that a snapshot replaces"
    )

    @model_validator(mode="after")
    def check_times(self) -> Self:
        """Refuse times with which a healthy leader would be replaced."""
        self.policy()
        return self

    @model_validator(mode="after")
    def check_first_voters(self) -> Self:
        """Refuse to bootstrap with more voters than allowed."""
        if self.bootstrap_expect > self.voters_max:
            raise ValueError(
                f"bootstrap_expect ({self.bootstrap_expect}) must be at most voters_max "
                f"({self.voters_max}): further nodes join by themselves, as learners"
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
        """Return the numbers of membership changes."""
        return StewardPolicy(
            voters_max=self.voters_max,
            replace_after_s=self.replace_after_s,
            forget_after_s=self.forget_after_s,
            preferred_stable_s=self.preferred_stable_s,
        )


class HookSetting(Group):
    """A program that is run when this node acquires or loses a lease."""

    lease: str = Field(
        pattern=NAME_PATTERN,
        description="name of the lease: lb-leader, dns-writer, or another, which this node then "
        "holds if it can",
    )
    program: FilePath = Field(
        max_length=1024,
        description="absolute path of the program; its arguments are 'acquired' or 'lost', the "
        "lease, its fencing token, and the node",
    )
    timeout_s: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="time after which the program is killed, in seconds; 'lost' is killed sooner, "
        "if another node may hold the lease",
    )

    @field_validator("program")
    @classmethod
    def check_program(cls, value: str) -> str:
        """Refuse a path that depends on where the agent runs."""
        if not value.startswith("/"):
            raise ValueError(f"{value!r:.80} is not an absolute path, e.g. /usr/local/bin/move-ip")
        return value


class LeaseSettings(Group):
    """Leases: what one node at a time may do, such as writing DNS records."""

    ttl_s: float = Field(
        4.0,
        gt=0,
        le=3600,
        description="time without a renewal after which another node may take a lease, in "
        "seconds; 0.7 of that if its holder led",
    )
    renew_interval_s: float = Field(1.0, gt=0, description="interval between renewals, in seconds")
    margin_s: float = Field(
        0.5,
        gt=0,
        description="time before the expiry at which the holder stops acting, in seconds; an "
        "action that has begun must end within it",
    )
    takeover_after_s: float = Field(
        10.0,
        gt=0,
        description="time for which the leader must have led and wanted a lease before it takes "
        "the lease over from another node, in seconds; for leases that prefer the leader",
    )
    lb_leader: bool = Field(
        True,
        description="whether this node may hold the lease `lb-leader`; it then wants the lease "
        "while it serves routes to its Traefik, is not cordoned, and its ingress does not fail "
        "(see `traefik.probe`)",
    )
    hooks: tuple[HookSetting, ...] = Field(
        (),
        max_length=32,
        description="programs that are run when this node acquires or loses a lease, a list of "
        "tables with lease, program and timeout_s",
    )
    clock_drift: float = Field(
        0.01,
        ge=0,
        le=CLOCK_DRIFT_MAX,
        description="largest difference between the rates of two nodes' clocks, as a fraction",
    )

    @model_validator(mode="after")
    def check_times(self) -> Self:
        """Refuse times with which leases are lost without need, or held twice."""
        self.policy()
        return self

    @model_validator(mode="after")
    def check_hooks(self) -> Self:
        """Refuse a program that is listed twice for one lease."""
        check_unique(self.programs())
        return self

    def programs(self) -> tuple[Hook, ...]:
        """Return the hooks of the core."""
        return tuple(Hook(one.lease, one.program, one.timeout_s) for one in self.hooks)

    def policy(self) -> LeasePolicy:
        """Return the numbers of the core."""
        return LeasePolicy(
            ttl_s=self.ttl_s,
            renew_interval_s=self.renew_interval_s,
            margin_s=self.margin_s,
            clock_drift=self.clock_drift,
            takeover_after_s=self.takeover_after_s,
        )
