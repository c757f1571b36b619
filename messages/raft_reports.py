"""Messages of the operator about Raft and leases: questions to the admin actor and its answers.

The fields of the reports are also what `constellation ... --json` prints.  Orders are `RaftOrder`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.gossip import MemberState
from messages.raft_member import MemberCondition

MemberRole = Literal["leader", "follower", "candidate", "unknown"]


class RaftRequest(Message):
    """Ask for one view of the Raft cluster.  Answered by `RaftReport`."""

    crosses_nodes = True


class RaftMemberRow(Message):
    """One member of the Raft cluster.  Part of `RaftReport`."""

    crosses_nodes = True

    node: str
    is_self: bool = Field(description="it is the node that was asked")
    role: MemberRole
    is_voter: bool = Field(description="False: it learns, and does not count for the quorum")
    state: MemberState | None = Field(description="by gossip; None: gossip does not know it")
    priority: int | None = Field(description="lower is preferred as leader; None: not known")
    match_index: int | None = Field(
        description="it holds the log up to there, as the leader knows; None: not known"
    )
    behind: int | None = Field(description="entries that it lacks; None: not known")
    heard_ago_s: float | None = Field(
        description="since it answered the leader last; None: not known, or it is the leader"
    )


class RaftReport(Message):
    """Answer to `RaftRequest`: the Raft cluster as the asked node and its leader see it."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    condition: MemberCondition = Field(description="of the asked node")
    cluster_id: str = Field(description="empty: it is of none yet")
    leader: str = Field(description="empty: nobody is known to lead")
    term: int = Field(ge=0, description="in which it leads; without a leader, the latest known")
    has_quorum: bool
    voters_answering: int = Field(ge=0)
    voters_total: int = Field(ge=0)
    voters_needed: int = Field(ge=0, description="for a quorum")
    counted_by: Literal["leader", "gossip"] = Field(
        description="whom `voters_answering` answer: gossip only says that they live"
    )
    last_index: int = Field(ge=0, description="where the log ends, on the asked node")
    commit_index: int = Field(ge=0, description="up to there it is committed, as that node knows")
    journal_bytes: int = Field(ge=0, description="on the asked node's disk")
    members: tuple[RaftMemberRow, ...] = Field(description="the leader, the voters, the learners")
    removed: tuple[str, ...] = Field(description="taken out by an operator")
    foreign_cluster_ids: tuple[str, ...] = Field(description="other clusters that it hears of")
    unanswered: tuple[str, ...] = Field(description="nodes that did not say in time how they are")
    degraded: tuple[str, ...] = Field(description="what to act on, for people; empty: nothing")
    notes: tuple[str, ...] = Field(default=(), description="what is worth knowing, for people")


class LeasesRequest(Message):
    """Ask who holds which lease.  Answered by `LeasesReport`."""

    crosses_nodes = True


class LeaseRow(Message):
    """One lease.  Part of `LeasesReport`."""

    crosses_nodes = True

    name: str
    holder: str = Field(description="the node; empty: nobody holds it")
    holder_state: MemberState | None = Field(description="by gossip; None: not known, or no holder")
    fencing_token: int | None = Field(description="log index of the grant: grows with every one")
    ttl_s: float | None = Field(description="for so long it is held without being renewed")
    renewed_index: int | None = Field(description="log index of the last grant or renewal")


class LeasesReport(Message):
    """Answer to `LeasesRequest`: by name; the well-known ones also when nobody holds them."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    is_confirmed: bool = Field(description="False: no leader confirmed it, so it may be old")
    index: int = Field(ge=0, description="log index up to which it is known")
    leases: tuple[LeaseRow, ...]
    degraded: tuple[str, ...] = Field(description="what to act on, for people; empty: nothing")


class LeaseHolder(Message):
    """Who holds a lease.  Part of `StatusReport`."""

    crosses_nodes = True

    name: str
    holder: str
