"""Short ways to write what Raft members say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from constellation.admin import lease_view
from constellation.admin import raft_report as of_raft
from constellation.cluster_view import ClusterView
from constellation.wellness.facts import Facts
from messages.leases import Lease, LeaseTableState
from messages.raft_member import LeasesReadDone, RaftFollower, RaftStatus
from messages.raft_reports import LeasesReport, RaftReport
from tests.admin.builders import members, said, status
from tests.traefik.builders import view

VOTERS = ("alpha", "beta", "gamma")


def follows(node: str, leader: str = "beta", **fields: Any) -> RaftStatus:
    """Write a follower that hears `leader`, if there is one."""
    known: dict[str, Any] = {
        "node": node,
        "condition": "member",
        "cluster_id": "3f9a52d0",
        "leader": leader,
        "term": 7,
        "commit_index": 1041,
        "applied_index": 1041,
        "last_index": 1041,
        "voters": VOTERS,
        "has_quorum": bool(leader),
        "journal_bytes": 1_300_000,
    }
    return RaftStatus(**{**known, **fields})


def leads(node: str, *followers: RaftFollower, **fields: Any) -> RaftStatus:
    known: dict[str, Any] = {
        "role": "leader",
        "followers": followers,
        "last_index": 1042,
        "commit_index": 1042,
    }
    return follows(node, leader=node, **{**known, **fields})


def heard(node: str, match_index: int = 1042, ago_s: float | None = 0.1) -> RaftFollower:
    return RaftFollower(node=node, match_index=match_index, confirmed_ago_s=ago_s)


def lease(name: str, holder: str, **fields: Any) -> Lease:
    known: dict[str, Any] = {
        "session": "s1",
        "fencing_token": 812,
        "ttl_s": 4.0,
        "renewed_index": 1040,
        "number": 3,
    }
    return Lease(name=name, holder=holder, **{**known, **fields})


def read(*leases: Lease, is_confirmed: bool = True, number: int = 1) -> LeasesReadDone:
    return LeasesReadDone(
        number=number, state=LeaseTableState(index=1042, leases=leases), is_confirmed=is_confirmed
    )


def three_nodes(**states: Any) -> ClusterView:
    """Return what alpha sees: all live, unless said otherwise."""
    return view(
        members=members(**{"beta": "alive", "gamma": "alive", **states}),
        nodes=(said("alpha", priority=10), said("beta", "10.0.0.2"), said("gamma", "10.0.0.3")),
    )


# What is reported of a cluster.


def raft_facts(
    cluster: ClusterView,
    own_node: str,
    statuses: Mapping[str, RaftStatus],
    unanswered: Iterable[str] = (),
    **fields: Any,
) -> Facts:
    """Return the facts if only Raft actors have something to say."""
    answered = [status(node, raft=one) for node, one in statuses.items()]
    return Facts.of(own_node, cluster, answered, unanswered, **fields)


def raft_report(
    cluster: ClusterView,
    own_node: str,
    statuses: Mapping[str, RaftStatus],
    unanswered: Iterable[str] = (),
) -> RaftReport:
    return of_raft.raft_report(raft_facts(cluster, own_node, statuses, unanswered))


def leases_report(cluster: ClusterView, own_node: str, done: LeasesReadDone) -> LeasesReport:
    return lease_view.leases_report(Facts.of(own_node, cluster, ()), done)
