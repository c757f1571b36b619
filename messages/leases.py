"""Messages of leases: the commands in the log, what is held, and what holders are told.

Times are of CLOCK_BOOTTIME of the node they are on: it runs on while the machine sleeps, and all
processes of a node read the same.
"""

from __future__ import annotations

from pydantic import Field

from messages.base import Message

NAME_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$"
TTL_S_MIN, TTL_S_MAX = 0.5, 3600.0


class LeaseAcquire(Message):
    """A command: take a lease if nobody holds it.  Its log index becomes the fencing token."""

    name: str = Field(pattern=NAME_PATTERN)
    holder: str = Field(max_length=128, description="the node's name")
    session: str = Field(max_length=32, description="of one life of the holder's lease manager")
    ttl_s: float = Field(ge=TTL_S_MIN, le=TTL_S_MAX)
    number: int = Field(ge=1, description="of the session's commands: tells when it was sent")


class LeaseRenew(Message):
    """A command: prolong all leases of a session by their time."""

    session: str = Field(max_length=32)
    number: int = Field(ge=1)


class LeaseRelease(Message):
    """A command: give a lease back; anybody may have it at once."""

    name: str
    session: str
    fencing_token: int = Field(ge=1)


class LeaseExpire(Message):
    """A command: take a lease from a holder whose time is over.

    It does nothing if the lease was renewed at a later index than `renewed_index`.
    """

    name: str
    fencing_token: int = Field(ge=1)
    renewed_index: int = Field(ge=1)


class Lease(Message):
    """One lease that is held."""

    name: str
    holder: str
    session: str
    fencing_token: int = Field(ge=1, description="log index of the grant: grows with every one")
    ttl_s: float
    renewed_index: int = Field(ge=1, description="log index of the last grant or renewal")
    number: int = Field(ge=1, description="of the session's command that did it")


class LeaseTableState(Message):
    """All leases that are held: a snapshot of the state machine, and what a new reader gets."""

    index: int = Field(ge=0, description="log index up to which it is applied")
    leases: tuple[Lease, ...] = ()


class LeaseFreed(Message):
    """A lease that nobody holds any more.  Part of `LeasesChanged`."""

    name: str
    fencing_token: int = Field(ge=1, description="of the grant that is over")
    holder: str
    why: str


class LeasesChanged(Message):
    """What changed in the table up to `index`."""

    index: int = Field(ge=0)
    held: tuple[Lease, ...] = Field(default=(), description="granted or renewed")
    freed: tuple[LeaseFreed, ...] = Field(
        default=(), description="grants that ended; in `held` too if there is a new one"
    )


class LeaseWanted(Message):
    """Subscribe to a lease: be told by `LeaseAcquired` and `LeaseLost`, and want it held here.

    Answered at once if this node holds it.  Sent again, it changes what is wanted.
    """

    name: str = Field(pattern=NAME_PATTERN)
    ttl_s: float | None = Field(
        default=None, ge=TTL_S_MIN, le=TTL_S_MAX, description="None: as leases.ttl_s says"
    )
    follows_leader: bool = Field(
        default=True, description="only the node that leads Raft acquires it, and gives it up after"
    )


class LeaseUnwanted(Message):
    """Want a lease no more: it is released if nobody else in the node wants it."""

    name: str


class LeaseRefused(Message):
    """Answer to `LeaseWanted`: it is not wanted here, because of `why`."""

    name: str
    why: str


class LeaseAcquired(Message):
    """This node holds the lease, or holds it for longer.  To be used with `constellation.leases`.

    Whoever acts on it acts only before `valid_until_s` of its own reading of CLOCK_BOOTTIME, and
    hands `fencing_token` to what it writes to, which refuses any lower one.
    """

    name: str
    fencing_token: int = Field(ge=1)
    valid_until_s: float


class LeaseLost(Message):
    """This node does not hold the lease any more.  Stop acting on it, and say `LeaseLetGo`."""

    name: str
    fencing_token: int = Field(ge=1)
    why: str


class LeaseLetGo(Message):
    """Answer to `LeaseLost`: nothing that was begun under this grant goes on any more.

    Without it the lease is given back only when the time of the grant and the margin are over.
    """

    name: str
    fencing_token: int = Field(ge=1)
