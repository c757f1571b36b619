"""One view of the Raft cluster, from the statuses of its members.

Only the leader knows the progress of its followers, so its status counts; without an answer of the
leader, the status of the asked node does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from constellation.cluster_view import ClusterView
from constellation.raft.quorum import majority
from messages.raft_member import RaftFollower, RaftStatus
from messages.raft_reports import MemberRole, RaftMemberRow, RaftReport

CONTACT_WITHIN_S = 3.0  # a voter that answered the leader this recently counts as answering


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What is known of it, from the asked node and from the leader if it answered."""

    view: ClusterView
    asked: RaftStatus
    leading: RaftStatus | None  # the status of the leader, with its followers

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
        return ago_s is not None and ago_s <= CONTACT_WITHIN_S


def raft_report(
    view: ClusterView,
    self_node: str,
    statuses: Mapping[str, RaftStatus],
    unanswered: Sequence[str] = (),
) -> RaftReport:
    """Return the report; `statuses` are those of the asked node and of others that answered."""
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
    """Return the last log index `node` is known to hold, and the age of its last answer."""
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
        yield _because(f"{asked.node} belongs to no Raft cluster yet", asked)
        return
    if asked.condition == "refuses":
        yield _because(f"{asked.node} takes no part in Raft", asked)
        if cluster.leading is None:
            return  # it receives nothing, so it does not know the leader
    if not cluster.best.has_quorum:
        yield _no_quorum(cluster)
    elif cluster.leading is not None:
        yield from _silent(cluster)
    for node in sorted(unanswered):
        yield (
            f"{node} leads, but did not report its status in time, so the progress of its "
            "followers is not known: retry; if that persists, see its log"
        )
    if cluster.leading is None and asked.has_quorum and not unanswered:
        yield f"the leader is changing: {asked.leader or 'nobody'} does not lead now; retry"


def _because(what: str, status: RaftStatus) -> str:
    because = "; ".join(text for text in (status.why, status.fix) if text)
    return f"{what}: {because}" if because else what


def _no_quorum(cluster: _Cluster) -> str:
    total, silent = len(cluster.voters), cluster.silent_voters
    answering = total - len(silent)
    verb = answering_verb(answering, by_gossip=cluster.leading is None)
    if not total:
        node = cluster.asked.node
        return f"{node} does not know the members of its cluster yet: no leader reaches it"
    if answering < cluster.needed:
        return (
            f"no quorum: {answering} of {total} voters {verb}, {cluster.needed} are needed; until "
            "then there is no leader, no lease is granted or renewed, and members cannot change: "
            f"start the agents of {', '.join(silent)}, or check why they are unreachable"
        )
    return (
        f"no leader, although {answering} of {total} voters {verb}: an election takes some "
        "seconds; if this persists, the nodes do not reach each other at actors.port: see their "
        "logs"
    )


def answering_verb(count: int, *, by_gossip: bool) -> str:
    """Return the verb for a number of voters."""
    if by_gossip:  # gossip knows only that they are alive
        return "is alive" if count == 1 else "are alive"
    return "answers" if count == 1 else "answer"


def _silent(cluster: _Cluster) -> Iterator[str]:
    silent, total = cluster.silent_voters, len(cluster.voters)
    answering = total - len(silent)
    for voter in silent:
        more = "; one more failure loses the quorum" if answering <= cluster.needed else ""
        yield (
            f"voter {voter} does not answer the leader ({answering} of {total} do, "
            f"{cluster.needed} are needed{more}): start its agent, or, if the node is lost for "
            f"good, run `constellation raft remove {voter}`"
        )


# What is worth knowing.


def _notes(cluster: _Cluster) -> Iterator[str]:
    asked, best = cluster.asked, cluster.best
    for node in sorted(best.removed):
        yield f"{node} was removed; `constellation raft add {node}` lets it join again"
    is_out = asked.node not in {*best.voters, *best.learners, *best.removed}
    if is_out and asked.condition == "member" and best.voters:
        yield f"{asked.node} is not a member yet: the leader adds it in some seconds"
    for cluster_id in asked.foreign_cluster_ids:
        yield (
            f"{asked.node} receives messages of another Raft cluster, {cluster_id}; the two never "
            "merge: separate them by gossip.label, or stop the agents of one, delete data_dir/raft "
            "there, and start them again to join the other"
        )
