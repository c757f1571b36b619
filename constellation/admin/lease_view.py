"""The leases as an operator sees them: built from Raft's table and from its changes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import field
from msgspec.structs import replace

from constellation.cluster_view import ClusterView
from constellation.leases.policy import LB_LEADER
from constellation.value import Value
from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from messages.leases import Lease, LeasesChanged, LeaseTableState
from messages.raft_member import LeasesReadDone
from messages.raft_reports import HeldLease, LeaseRow, LeasesReport


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

    def rows(self, view: ClusterView) -> tuple[LeaseRow, ...]:
        """The held leases and `lb-leader` in any case, by name, with the holders' state."""
        names = sorted({*self.held, LB_LEADER})
        return tuple(_row(view, name, self.held.get(name)) for name in names)


NO_LEASES = LeaseView()


def _row(view: ClusterView, name: str, lease: Lease | None) -> LeaseRow:
    member = view.members.get(lease.holder) if lease else None
    return LeaseRow(
        name=name,
        holder=lease.holder if lease else "",
        holder_state=member.state if member else None,
        fencing_token=lease.fencing_token if lease else None,
        ttl_s=lease.ttl_s if lease else None,
        renewed_index=lease.renewed_index if lease else None,
    )


def leases_report(facts: Facts, read: LeasesReadDone) -> LeasesReport:
    """Return the report of what Raft has read."""
    leases = LeaseView.of(read.state)
    return LeasesReport(
        self_node=facts.own_node,
        is_confirmed=read.is_confirmed,
        index=leases.index,
        leases=leases.rows(facts.view),
        degraded=_degraded(facts, read),
    )


def _degraded(facts: Facts, read: LeasesReadDone) -> tuple[str, ...]:
    verdict = judge(facts)
    if read.is_confirmed:
        return verdict.degraded("lease")
    return (_NOT_CONFIRMED, *verdict.degraded("cluster", "raft", "lease"))


_NOT_CONFIRMED = (
    "not confirmed: no leader answers, so this is the last state that the asked node knew; it may "
    "be old"
)
