"""Messages of leases: commands in the log, the table of leases, and the traffic with holders.

Times are readings of CLOCK_BOOTTIME on the node: it goes on while the machine is suspended, and all
processes of a node read the same value.
"""

from pydantic import Field

from messages.base import Message

NAME_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"
TTL_S_MIN, TTL_S_MAX = 0.5, 3600.0
UNABLE_MAX = 256
# Added to the number of a `LeaseAcquire` or `LeaseRenew` that is proposed as the leader of a term,
# and dropped in any other.  It is no field of its own, which members of an earlier version would
# refuse: to them it is a number like any other.
AS_LEADER = 1 << 52


class LeaseAcquire(Message):
    """A command: acquire a lease if no node holds it.  Its log index becomes the fencing token."""

    name: str = Field(pattern=NAME_PATTERN)
    holder: str = Field(max_length=128, description="the node's name")
    session: str = Field(max_length=32, description="one life of the holder's lease manager")
    ttl_s: float = Field(ge=TTL_S_MIN, le=TTL_S_MAX)
    number: int = Field(
        ge=1,
        description="number of the session's command, to look up when it was sent; from AS_LEADER "
        "on the lease lasts only as long as a proof of leadership renews it",
    )


class LeaseRenew(Message):
    """A command: renew all leases of a session, each for its own `ttl_s`."""

    session: str = Field(max_length=32)
    number: int = Field(ge=1)


class LeaseRelease(Message):
    """A command: give a lease back.  Any node may acquire it at once."""

    name: str
    session: str
    fencing_token: int = Field(ge=1)


class LeaseExpire(Message):
    """A command: end a lease whose holder did not renew it in time.

    It has no effect if the lease was renewed at a later index than `renewed_index`.
    """

    name: str
    fencing_token: int = Field(ge=1)
    renewed_index: int = Field(ge=1)


class LeaseClaim(Message):
    """A command: the leader asks the holder of a lease that prefers the leader to give it back.

    It changes nothing in the table.  It has no effect on any grant but that of `fencing_token`.
    """

    name: str
    fencing_token: int = Field(ge=1, description="of the grant that is to end")
    claimant: str = Field(max_length=128, description="the node that leads")


class Lease(Message):
    """One lease that is held."""

    name: str
    holder: str
    session: str
    fencing_token: int = Field(ge=1, description="log index of the grant: grows with every grant")
    ttl_s: float
    renewed_index: int = Field(ge=1, description="log index of the last grant or renewal")
    number: int = Field(ge=1, description="number of the session's command that did it")


class LeaseTableState(Message):
    """All leases that are held: a snapshot of the state machine, and a reader's first answer."""

    index: int = Field(ge=0, description="log index up to which it is applied")
    leases: tuple[Lease, ...] = ()


class LeaseFreed(Message):
    """A grant that has ended.  Part of `LeasesChanged`."""

    name: str
    fencing_token: int = Field(ge=1, description="of the grant that ended")
    holder: str
    why: str


class LeasesChanged(Message):
    """What changed in the table up to `index`."""

    index: int = Field(ge=0)
    held: tuple[Lease, ...] = Field(default=(), description="granted or renewed")
    freed: tuple[LeaseFreed, ...] = Field(
        default=(), description="grants that ended; in `held` too if there is a new grant"
    )
    claimed: tuple[LeaseClaim, ...] = Field(
        default=(), description="grants that the leader asks the holder to give back"
    )


class LeaseWanted(Message):
    """Subscribe to a lease, and ask this node to hold it.

    Answered by `LeaseAcquired` and `LeaseLost` as they come, at once if this node holds the lease.
    Sent again, it replaces the previous one.  Only `constellation.leases.holder` sends it.
    """

    name: str = Field(pattern=NAME_PATTERN)
    ttl_s: float | None = Field(
        default=None, ge=TTL_S_MIN, le=TTL_S_MAX, description="None: the setting leases.ttl_s"
    )
    follows_leader: bool = Field(
        default=True,
        description="the node that leads Raft is preferred: other nodes hold the lease only while "
        "the leader does not want it",
    )
    is_passive: bool = Field(
        default=False,
        description="follow the lease while another actor makes this node hold it, and let go "
        "before it is released; this want alone makes the node hold nothing",
    )
    unable: tuple[str, ...] = Field(
        default=(),
        max_length=UNABLE_MAX,
        description="nodes that are known not to want it: if one of them leads, it is not waited "
        "for",
    )
    number: int = Field(ge=1, description="the sender's; each `LeaseAcquired` repeats the latest")


class LeaseUnwanted(Message):
    """Unsubscribe.  The lease is released if no other actor of this node wants it."""

    name: str
    has_let_go: bool = Field(
        default=True,
        description="nothing begun under the grant is still in progress; False: release the lease "
        "only when the time of the grant and the margin are over",
    )


class LeaseRefused(Message):
    """Answer to `LeaseWanted`: this node does not ask for the lease, because of `why`."""

    name: str
    why: str


class LeaseAcquired(Message):
    """This node holds the lease, or holds it for longer.  For `constellation.leases.holder` only.

    Work may begin only before `valid_until_s` on CLOCK_BOOTTIME.  Every write carries
    `fencing_token`, and the system written to refuses a lower token than the highest it has seen.
    """

    name: str
    fencing_token: int = Field(ge=1)
    valid_until_s: float
    number: int = Field(default=0, ge=0, description="of the receiver's latest `LeaseWanted`")


class LeaseLost(Message):
    """This node does not hold the lease any more.  Answered by `LeaseLetGo`."""

    name: str
    fencing_token: int = Field(ge=1)
    why: str


class LeaseLetGo(Message):
    """Answer to `LeaseLost`: nothing begun under this grant is still in progress.

    Without it the lease is released only when the time of the grant and the margin are over.
    """

    name: str
    fencing_token: int = Field(ge=1)
