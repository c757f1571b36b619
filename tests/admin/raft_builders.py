"""Short ways to write what Raft members say of themselves."""

from __future__ import annotations

from typing import Any

from constellation.cluster_view import ClusterView
from messages.leases import Lease, LeaseTableState
from messages.raft_member import LeasesReadDone, RaftFollower, RaftStatus
from tests.admin.builders import members, said
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
