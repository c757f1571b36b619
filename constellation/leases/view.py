"""Who leads Raft and who holds which lease: built from Raft's table and from its changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import field
from msgspec.structs import replace

from constellation.value import Value
from messages.leases import Lease, LeasesChanged, LeaseTableState
from messages.raft_reports import HeldLease


def _none_held() -> Any:
    return MappingProxyType({})


class LeaseView(Value):
    """Who leads Raft and who holds which lease.  It may be old unless the leader confirmed it."""

    leader: str = ""  # empty: no leader is known
    index: int = 0  # log index up to which the leases are known
    held: Mapping[str, Lease] = field(default_factory=_none_held)  # by name

    @classmethod
    def of(cls, state: LeaseTableState) -> LeaseView:
        """Return the view of a table; it does not name the leader."""
        return cls().with_table(state)

    def with_leader(self, leader: str) -> LeaseView:
        """Return the view with another leader."""
        return replace(self, leader=leader)

    def with_table(self, state: LeaseTableState) -> LeaseView:
        """Return the view with exactly the leases of a table."""
        held = {lease.name: lease for lease in state.leases}
        return replace(self, index=state.index, held=MappingProxyType(held))

    def with_changes(self, change: LeasesChanged) -> LeaseView:
        """Return the view after a change: a lease may be freed and granted again in one."""
        held = dict(self.held)
        for freed in change.freed:
            lease = held.get(freed.name)
            if lease is not None and lease.fencing_token <= freed.fencing_token:
                del held[freed.name]
        held.update({lease.name: lease for lease in change.held})
        return replace(self, index=change.index, held=MappingProxyType(held))

    @property
    def holders(self) -> tuple[HeldLease, ...]:
        """The holder of each lease that is held, by name of the lease."""
        held = sorted(self.held.items())
        return tuple(HeldLease(name=name, holder=lease.holder) for name, lease in held)

    def holder(self, name: str) -> str:
        """Return the node that holds a lease; empty: none does."""
        lease = self.held.get(name)
        return lease.holder if lease is not None else ""


NO_LEASES = LeaseView()
