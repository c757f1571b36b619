"""Who holds which lease, from the table that the Raft actor read."""

from __future__ import annotations

from constellation.cluster_view import ClusterView
from constellation.leases.policy import DEFAULT_LEASES
from messages.leases import Lease
from messages.raft_member import LeasesReadDone
from messages.raft_reports import LeaseRow, LeasesReport


def leases_report(view: ClusterView, self_node: str, read: LeasesReadDone) -> LeasesReport:
    """Return all leases that are held, and those that are well known."""
    held = {lease.name: lease for lease in read.state.leases}
    return LeasesReport(
        self_node=self_node,
        is_confirmed=read.is_confirmed,
        index=read.state.index,
        leases=tuple(_row(view, name, held.get(name)) for name in sorted({*held, *DEFAULT_LEASES})),
        degraded=() if read.is_confirmed else (_NOT_CONFIRMED,),
    )


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


_NOT_CONFIRMED = (
    "not confirmed: no leader answers, so this is what the asked node knew last, and it may be "
    "old: `constellation raft` says why"
)
