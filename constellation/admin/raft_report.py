"""From what Raft members say of themselves to the one view of their cluster that people get.

Followers' progress is known to the leader only, so its word counts, and the asked node's where the
leader did not answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from constellation.cluster_view import ClusterView
from constellation.raft.quorum import majority
from messages.raft_member import RaftFollower, RaftStatus
from messages.raft_reports import MemberRole, RaftMemberRow, RaftReport

HEARD_WITHIN_S = 3.0  # a voter that answered the leader so lately counts as answering


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What is known of it, from the asked node and from the leader if that answered."""

    view: ClusterView
    asked: RaftStatus
    leading: RaftStatus | None  # what the leader says of itself and its followers

    @property
    def best(self) -> RaftStatus:
        return self.leading or self.asked

    @property
    def voters(self) -> tuple[str, ...]:
        return tuple(sorted(self.best.voters))

    @property
    def needed(self) -> int:
        return majority(len(self.voters)) if self.voters else 0

    @property
    def followers(self) -> dict[str, RaftFollower]:
        return {one.node: one for one in self.leading.followers} if self.leading else {}

    @property
    def silent_voters(self) -> list[str]:
        return [voter for voter in self.voters if not self._answers(voter)]

    def _answers(self, voter: str) -> bool:
        if self.leading is None:
            return voter == self.asked.node or self.view.is_living(voter)
        if voter == self.leading.node:
            return True
        follower = self.followers.get(voter)
        ago_s = follower.confirmed_ago_s if follower else None
        return ago_s is not None and ago_s <= HEARD_WITHIN_S


def raft_report(
    view: ClusterView,
    self_node: str,
    statuses: Mapping[str, RaftStatus],
    unanswered: Sequence[str] = (),
) -> RaftReport:
    """Return how the Raft cluster is; `statuses` holds the asked node's, and whoever answered."""
    asked = statuses[self_node]
    leading = max(
        (one for one in statuses.values() if one.role == "leader"),
        key=lambda one: one.term,
        default=None,
    )
    cluster = _Cluster(view, asked, leading)
    return RaftReport(
        self_node=self_node,
        condition=asked.condition,
        cluster_id=asked.cluster_id,
        leader=leading.node if leading else asked.leader,
        term=max(one.term for one in statuses.values()) if leading is None else leading.term,
        has_quorum=cluster.best.has_quorum,
        voters_answering=len(cluster.voters) - len(cluster.silent_voters),
        voters_total=len(cluster.voters),
        voters_needed=cluster.needed,
        counted_by="leader" if leading else "gossip",
        last_index=asked.last_index,
        commit_index=asked.commit_index,
        journal_bytes=asked.journal_bytes,
        members=tuple(_rows(cluster)),
        removed=cluster.best.removed,
        foreign_cluster_ids=asked.foreign_cluster_ids,
        unanswered=tuple(sorted(unanswered)),
        degraded=tuple(_degraded(cluster, unanswered)),
        notes=tuple(_notes(cluster)),
    )


# Members.


def _rows(cluster: _Cluster) -> Iterator[RaftMemberRow]:
    best = cluster.best
    leader = best.leader or (best.node if best.role == "leader" else "")
    voters = sorted(best.voters, key=lambda node: (node != leader, node))
    for node in (*voters, *sorted(best.learners)):
        member, said = cluster.view.members.get(node), cluster.view.nodes.get(node)
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


def _role(cluster: _Cluster, node: str, leader: str) -> MemberRole:
    if leader:
        return "leader" if node == leader else "follower"
    if node == cluster.asked.node:
        return "follower" if cluster.asked.role == "follower" else "candidate"
    return "unknown"


def _progress(cluster: _Cluster, node: str) -> tuple[int | None, float | None]:
    """Return up to where `node` holds the log, and how long ago it said so."""
    if cluster.leading is None:
        return None, None
    if node == cluster.leading.node:
        return cluster.leading.last_index, None
    follower = cluster.followers.get(node)
    if follower is None:
        return None, None
    return follower.match_index or None, follower.confirmed_ago_s


# What to act on.


def _degraded(cluster: _Cluster, unanswered: Sequence[str]) -> Iterator[str]:
    asked = cluster.asked
    if asked.condition == "waiting":
        yield _because(f"{asked.node} is of no Raft cluster yet", asked)
        return
    if asked.condition == "refuses":
        yield _because(f"{asked.node} takes no part in Raft", asked)
        if cluster.leading is None:
            return  # it hears nobody, whoever leads
    if not cluster.best.has_quorum:
        yield _no_quorum(cluster)
    elif cluster.leading is not None:
        yield from _silent(cluster)
    for node in sorted(unanswered):
        yield (
            f"{node} leads, but did not say in time how it is, so it is not known what its "
            "followers have: ask again; if that lasts, see its log"
        )
    if cluster.leading is None and asked.has_quorum and not unanswered:
        yield f"the leadership is changing: {asked.leader or 'nobody'} does not lead now; ask again"


def _because(what: str, status: RaftStatus) -> str:
    because = "; ".join(text for text in (status.why, status.fix) if text)
    return f"{what}: {because}" if because else what


def _no_quorum(cluster: _Cluster) -> str:
    total, silent = len(cluster.voters), cluster.silent_voters
    answering = total - len(silent)
    verb = answering_verb(answering, by_gossip=cluster.leading is None)
    if not total:
        return f"{cluster.asked.node} does not know its cluster's members yet: no leader reaches it"
    if answering < cluster.needed:
        return (
            f"no quorum: {answering} of {total} voters {verb}, {cluster.needed} are needed; until "
            "then nobody leads, no lease is granted or renewed, and no member changes: start the "
            f"agents of {', '.join(silent)}, or see why they are not reached"
        )
    return (
        f"nobody leads, though {answering} of {total} voters {verb}: one is elected in some "
        "seconds; if that lasts, the nodes do not reach each other at actors.port: see their logs"
    )


def answering_verb(count: int, *, by_gossip: bool) -> str:
    """Return what so many voters do, as far as is known."""
    if by_gossip:  # which knows no more
        return "is alive" if count == 1 else "are alive"
    return "answers" if count == 1 else "answer"


def _silent(cluster: _Cluster) -> Iterator[str]:
    silent, total = cluster.silent_voters, len(cluster.voters)
    answering = total - len(silent)
    for voter in silent:
        more = "; if one more fails, nobody leads" if answering <= cluster.needed else ""
        yield (
            f"voter {voter} does not answer the leader ({answering} of {total} do, "
            f"{cluster.needed} are needed{more}): start its agent, or, if it is lost for good, "
            f"`constellation raft remove {voter}`"
        )


# What is worth knowing.


def _notes(cluster: _Cluster) -> Iterator[str]:
    asked, best = cluster.asked, cluster.best
    for node in sorted(best.removed):
        yield f"{node} was removed and stays out until `constellation raft add {node}`"
    is_out = asked.node not in {*best.voters, *best.learners, *best.removed}
    if is_out and asked.condition == "member" and best.voters:
        yield f"{asked.node} is not a member yet: the leader adds it in some seconds"
    for cluster_id in asked.foreign_cluster_ids:
        yield (
            f"{asked.node} hears of another Raft cluster, {cluster_id}; the two never merge: keep "
            "them apart by gossip.label, or stop the agents of one, delete data_dir/raft there, "
            "and start them again to let them join the other"
        )
