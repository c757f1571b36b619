"""Who leads and who holds which lease, as this node's Raft actor told last: for the status."""

from __future__ import annotations

from messages.leases import Lease, LeasesChanged, LeaseTableState
from messages.raft_reports import LeaseHolder


class RaftNews:
    """What was told.  It may be a moment old: whoever needs to be sure asks for the leases."""

    def __init__(self) -> None:
        self.leader = ""  # empty: nobody is known to lead
        self._held: dict[str, Lease] = {}

    @property
    def holders(self) -> tuple[LeaseHolder, ...]:
        """Who holds which lease, by name."""
        held = sorted(self._held.items())
        return tuple(LeaseHolder(name=name, holder=lease.holder) for name, lease in held)

    def take_table(self, state: LeaseTableState) -> None:
        """Take all leases that are held."""
        self._held = {lease.name: lease for lease in state.leases}

    def take_change(self, change: LeasesChanged) -> None:
        """Take what is new: a lease may end, and be held again, in one change."""
        for freed in change.freed:
            held = self._held.get(freed.name)
            if held is not None and held.fencing_token <= freed.fencing_token:
                del self._held[freed.name]
        self._held.update({lease.name: lease for lease in change.held})
