"""Settings of supervision: restarts, pings and their limits."""

from typing import Self

from pydantic import Field, model_validator

from constellation.settings.types import Group
from constellation.supervision.policy import WatchPolicy
from constellation.supervision.restart import RestartPolicy


class SupervisorSettings(Group):
    """Restarting actors that have died or hang."""

    backoff_min_s: float = Field(0.2, gt=0, description="wait before the first restart, in seconds")
    backoff_max_s: float = Field(4.0, gt=0, description="longest wait before a restart, in seconds")
    intensity_count_max: int = Field(
        10,
        ge=1,
        description="quick restarts of one actor within `intensity_period_s`; past this limit it "
        "is restarted slowly",
    )
    intensity_period_s: float = Field(
        60.0, gt=0, description="period for `intensity_count_max`, in seconds"
    )
    ping_interval_s: float = Field(
        2.0, gt=0, description="interval between pings of each actor, in seconds"
    )
    ping_timeout_s: float = Field(
        10.0,
        gt=0,
        description="time without a pong after which an actor is killed and restarted, in seconds",
    )
    start_timeout_s: float = Field(
        15.0, gt=0, description="time within which a new actor must have started, in seconds"
    )
    retry_min_s: float = Field(
        5.0,
        gt=0,
        le=60,
        description="wait before the next restart of an actor that reached the limit, in seconds; "
        "doubles with each further exit",
    )
    retry_max_s: float = Field(
        60.0, gt=0, le=60, description="longest wait before a restart past the limit, in seconds"
    )
    essential_down_timeout_s: float = Field(
        120.0,
        gt=0,
        description="time that gossip, raft, leases, http or admin may be down, in seconds; then "
        "the agent ends with exit code 1, so that its service manager starts it afresh",
    )

    @model_validator(mode="after")
    def check_order(self) -> Self:
        """Refuse a maximum below its minimum, and a timeout below its interval."""
        if self.backoff_max_s < self.backoff_min_s:
            raise ValueError("backoff_max_s must not be below backoff_min_s")
        if self.retry_max_s < self.retry_min_s:
            raise ValueError("retry_max_s must not be below retry_min_s")
        if self.ping_timeout_s <= self.ping_interval_s:
            raise ValueError("ping_timeout_s must be above ping_interval_s")
        return self

    def policy(self) -> WatchPolicy:
        """Return the numbers of the core."""
        restart = RestartPolicy(
            backoff_min_s=self.backoff_min_s,
            backoff_max_s=self.backoff_max_s,
            count_max=self.intensity_count_max,
            period_s=self.intensity_period_s,
            retry_min_s=self.retry_min_s,
            retry_max_s=self.retry_max_s,
        )
        return WatchPolicy(
            restart,
            ping_interval_s=self.ping_interval_s,
            ping_timeout_s=self.ping_timeout_s,
            start_timeout_s=self.start_timeout_s,
            essential_down_timeout_s=self.essential_down_timeout_s,
        )
