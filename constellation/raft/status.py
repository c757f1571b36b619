"""The status of one member: what `constellation raft` shows."""

from __future__ import annotations

from constellation.raft.health import MemberHealth
from constellation.raft.leadership import Leadership
from constellation.raft.member import RaftMember
from constellation.raft.other_clusters import foreign
from messages.raft_member import RaftFollower, RaftStatus


def status_of(
    node: str,
    member: RaftMember | None,
    health: MemberHealth,
    *,
    now_s: float,
    journal_bytes: int,
) -> RaftStatus:
    """Return the status of a member.  None: this node refuses to take part."""
    if member is None:
        return RaftStatus(
            node=node,
            condition="refuses",
            trouble=health.trouble,
            why=health.why,
            fix=health.fix,
        )
    if member.raft is None:
        waits = member.bootstrap
        return RaftStatus(
            node=node,
            condition="waiting",
            trouble="off" if waits is not None and waits.is_off else "waiting",
            why=waits.why if waits else health.why,
            fix=waits.fix if waits else health.fix,
        )
    state, configuration = member.raft.state, member.configuration
    others = foreign(member.identity.cluster_id, node, member.roster)
    foreign_ids = {cluster_id for _, cluster_id in others} | member.heard_clusters.recent(now_s)
    return RaftStatus(
        node=node,
        condition="member",
        trouble=health.trouble,
        why=health.why,
        fix=health.fix,
        cluster_id=member.identity.cluster_id,
        role=state.role,
        term=state.term,
        leader=state.leader,
        commit_index=state.commit_index,
        applied_index=state.applied_index,
        last_index=state.log.last_index,
        snapshot_index=state.log.snapshot_index,
        voters=tuple(sorted(configuration.voters)),
        learners=tuple(sorted(configuration.learners)),
        removed=tuple(sorted(configuration.removed)),
        has_quorum=bool(state.leader),
        followers=_followers(member.raft.leadership, now_s),
        journal_bytes=journal_bytes,
        foreign_cluster_ids=tuple(sorted(foreign_ids)),
    )


def _followers(leadership: Leadership | None, now_s: float) -> tuple[RaftFollower, ...]:
    if leadership is None:
        return ()
    return tuple(
        RaftFollower(
            node=name,
            match_index=one.match_index,
            confirmed_ago_s=(
                None if one.confirmed_at_s == float("-inf") else now_s - one.confirmed_at_s
            ),
        )
        for name, one in sorted(leadership.followers.items())
    )
