"""One view of the Raft cluster, from the statuses of its members.

Only the leader knows the progress of its followers, so its status counts; without an answer of the
leader, the status of the asked node does.
"""

from __future__ import annotations

from collections.abc import Iterator

from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from constellation.wellness.raft import RaftCluster
from messages.raft_reports import MemberRole, RaftMemberRow, RaftReport


def raft_report(facts: Facts) -> RaftReport:
    """Return the report; the Raft actor of this node has answered."""
    cluster, verdict = RaftCluster(facts), judge(facts)
    asked, leading = cluster.asked, cluster.leading
    terms = (one.term for one in facts.raft.values())
    return RaftReport(
        self_node=facts.own_node,
        condition=asked.condition,
        cluster_id=asked.cluster_id,
        leader=leading.node if leading else asked.leader,
        term=leading.term if leading else max(terms, default=0),
        has_quorum=cluster.has_quorum,
        voters_answering=cluster.answering,
        voters_total=len(cluster.voters),
        voters_needed=cluster.needed,
        counted_by="leader" if leading else "gossip",
        last_index=asked.last_index,
        commit_index=asked.commit_index,
        journal_bytes=asked.journal_bytes,
        members=tuple(_rows(cluster)),
        removed=cluster.best.removed,
        foreign_cluster_ids=asked.foreign_cluster_ids,
        unanswered=facts.unanswered,
        degraded=verdict.degraded("cluster", "raft"),
        notes=verdict.notes_on("raft"),
    )


def _rows(cluster: RaftCluster) -> Iterator[RaftMemberRow]:
    best, view = cluster.best, cluster.facts.view
    leader = best.leader or (best.node if best.role == "leader" else "")
    voters = sorted(best.voters, key=lambda node: (node != leader, node))
    for node in (*voters, *sorted(best.learners)):
        member, said = view.members.get(node), view.nodes.get(node)
        match_index, heard_ago_s = _progress(cluster, node)
        yield RaftMemberRow(
            node=node,
            is_self=node == cluster.asked.node,
            role=_role(cluster, node, leader),
            is_voter=node in best.voters,
            state=member.state if member else None,
            priority=said.priority if said else None,
            match_index=match_index,
            behind=None if match_index is None else max(0, best.last_index - match_index),
            heard_ago_s=heard_ago_s,
        )


def _role(cluster: RaftCluster, node: str, leader: str) -> MemberRole:
    if leader:
        return "leader" if node == leader else "follower"
    if node == cluster.asked.node:
        return "follower" if cluster.asked.role == "follower" else "candidate"
    return "unknown"


def _progress(cluster: RaftCluster, node: str) -> tuple[int | None, float | None]:
    """Return the last log index `node` is known to hold, and the age of its last answer."""
    if cluster.leading is None:
        return None, None
    if node == cluster.leading.node:
        return cluster.leading.last_index, None
    follower = cluster.followers.get(node)
    if follower is None:
        return None, None
    return follower.match_index or None, follower.confirmed_ago_s
