"""Commands, and tables that are in the log at an index."""

from __future__ import annotations

from constellation.leases.table import LeaseTable
from constellation.wire import encode
from messages.base import Message
from messages.leases import (
    Lease,
    LeaseAcquire,
    LeaseClaim,
    LeaseExpire,
    LeaseRelease,
    LeaseRenew,
    LeasesChanged,
)

TTL_S = 4.0


def acquire(
    name: str = "lb", *, session: str = "s1", number: int = 1, ttl_s: float = TTL_S
) -> LeaseAcquire:
    return LeaseAcquire(
        name=name, holder=f"node of {session}", session=session, ttl_s=ttl_s, number=number
    )


def renew(session: str = "s1", number: int = 2) -> LeaseRenew:
    return LeaseRenew(session=session, number=number)


def release(token: int, name: str = "lb", session: str = "s1") -> LeaseRelease:
    return LeaseRelease(name=name, session=session, fencing_token=token)


def expire(token: int, renewed_index: int, name: str = "lb") -> LeaseExpire:
    return LeaseExpire(name=name, fencing_token=token, renewed_index=renewed_index)


def claim(token: int, name: str = "lb", claimant: str = "beta") -> LeaseClaim:
    return LeaseClaim(name=name, fencing_token=token, claimant=claimant)


def held(
    token: int,
    *,
    name: str = "lb",
    session: str = "s1",
    renewed: int = 0,
    number: int = 1,
    ttl_s: float = TTL_S,
) -> Lease:
    """Return a lease as it is after its grant at `token`, or its renewal at `renewed`."""
    return Lease(
        name=name,
        holder=f"node of {session}",
        session=session,
        fencing_token=token,
        ttl_s=ttl_s,
        renewed_index=renewed or token,
        number=number,
    )


def applied(table: LeaseTable, first: int, *commands: Message | bytes) -> LeasesChanged:
    """Apply commands from a log index on."""
    data = [one if isinstance(one, bytes) else encode(one) for one in commands]
    return table.apply(list(enumerate(data, first)))
