"""The leases as an operator sees them: with the holders' state, and what is wrong."""

from __future__ import annotations

from constellation.cluster_view import ClusterView
from constellation.leases.policy import LB_LEADER
from constellation.leases.view import LeaseView
from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from messages.leases import Lease
from messages.raft_member import LeasesReadDone
from messages.raft_reports import LeaseRow, LeasesReport, NoCandidate


def lease_rows(leases: LeaseView, view: ClusterView) -> tuple[LeaseRow, ...]:
    """Return the held leases and `lb-leader` in any case, by name, with the holders' state."""
    names = sorted({*leases.held, LB_LEADER})
    return tuple(_row(view, name, leases.held.get(name)) for name in names)


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
        leases=lease_rows(leases, facts.view),
        degraded=_degraded(facts, read),
        no_candidates=tuple(
            NoCandidate(node=name, why=why) for name, why in facts.no_candidates.items()
        ),
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
