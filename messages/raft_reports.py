"""Messages of the operator about Raft and leases: requests to the admin actor and its answers.

The fields of the reports are also what `constellation ... --json` prints.  Orders are `RaftOrder`.
"""

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.gossip import MemberState
from messages.raft_member import MemberCondition

MemberRole = Literal["leader", "follower", "candidate", "unknown"]


class RaftRequest(Message):
    """Ask for the state of the Raft cluster.  Answered by `RaftReport`."""

    crosses_nodes = True


class RaftMemberRow(Message):
    """One member of the Raft cluster.  Part of `RaftReport`."""

    crosses_nodes = True

    node: str
    is_self: bool = Field(description="this is the node that was asked")
    role: MemberRole
    is_voter: bool = Field(description="False: a learner, which does not count for the quorum")
    state: MemberState | None = Field(description="from gossip; None: not known there")
    priority: int | None = Field(description="lower is preferred as leader; None: not known")
    match_index: int | None = Field(
        description="last log index that the leader knows it to hold; None: not known"
    )
    behind: int | None = Field(description="log entries it does not have yet; None: not known")
    heard_ago_s: float | None = Field(
        description="since its last answer to the leader; None: not known, or it is the leader"
    )


class RaftReport(Message):
    """Answer to `RaftRequest`: the Raft cluster as the asked node and the leader know it."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    condition: MemberCondition = Field(description="of the asked node")
    cluster_id: str = Field(description="empty: it belongs to none yet")
    leader: str = Field(description="empty: no leader is known")
    term: int = Field(ge=0, description="of the leader; without a leader, the latest known")
    has_quorum: bool
    voters_answering: int = Field(ge=0)
    voters_total: int = Field(ge=0)
    voters_needed: int = Field(ge=0, description="for a quorum")
    counted_by: Literal["leader", "gossip"] = Field(
        description="'leader': they answer the leader; 'gossip': they are only known to be alive"
    )
    last_index: int = Field(ge=0, description="last index of the log of the asked node")
    commit_index: int = Field(ge=0, description="last committed index that the asked node knows")
    journal_bytes: int = Field(ge=0, description="on the asked node's disk")
    members: tuple[RaftMemberRow, ...] = Field(description="the leader, the voters, the learners")
    removed: tuple[str, ...] = Field(description="removed by an operator")
    foreign_cluster_ids: tuple[str, ...] = Field(
        description="other clusters it receives messages of"
    )
    unanswered: tuple[str, ...] = Field(
        description="nodes that did not report their status in time"
    )
    degraded: tuple[str, ...] = Field(description="what to act on, for people; empty: nothing")
    notes: tuple[str, ...] = Field(default=(), description="what is worth knowing, for people")


class LeasesRequest(Message):
    """Ask for the leases and their holders.  Answered by `LeasesReport`."""

    crosses_nodes = True


class LeaseRow(Message):
    """One lease.  Part of `LeasesReport`."""

    crosses_nodes = True

    name: str
    holder: str = Field(description="a node; empty: nobody holds it")
    holder_state: MemberState | None = Field(
        description="from gossip; None: not known, or no holder"
    )
    fencing_token: int | None = Field(description="log index of the grant; grows with each")
    ttl_s: float | None = Field(
        description="time after which it expires unless renewed, in seconds"
    )
    renewed_index: int | None = Field(description="log index of the last grant or renewal")


class NoCandidate(Message):
    """A node that does not want the lease `lb-leader`.  Part of `LeasesReport`."""

    crosses_nodes = True

    node: str
    why: str


class LeasesReport(Message):
    """Answer to `LeasesRequest`: by name, the default leases without a holder too."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    is_confirmed: bool = Field(description="False: no leader confirmed it, so it may be old")
    index: int = Field(ge=0, description="log index up to which the leases are known")
    leases: tuple[LeaseRow, ...]
    degraded: tuple[str, ...] = Field(description="what to act on, for people; empty: nothing")
    no_candidates: tuple[NoCandidate, ...] = Field(
        default=(), description="the nodes that do not want lb-leader, by name"
    )


class HeldLease(Message):
    """The holder of a lease.  Part of `StatusReport`."""

    crosses_nodes = True

    name: str
    holder: str
