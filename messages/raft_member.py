"""Messages between a Raft member and its node, and between members outside the protocol."""

from typing import Annotated, Literal

from pydantic import Field

from messages.base import Message
from messages.leases import LeaseTableState
from messages.raft import NODE_CHARACTERS_MAX

PACKET_FRAMES_MAX = 64
COMMANDS_MAX = 1024
COMMAND_BYTES_MAX = 4096  # so that all uncommitted commands fit into one record on disk

OrderAction = Literal["transfer", "add", "remove", "promote", "demote"]
# 'waiting': it has no cluster yet; 'refuses': its disk failed, so it takes no part.
MemberCondition = Literal["waiting", "member", "refuses"]
# What keeps a member from its work; 'off': nobody wants it to take part.
RaftTrouble = Literal[
    "", "starting", "disk", "waiting", "two_clusters", "no_log", "no_quorum", "off"
]


class RaftPacket(Message):
    """Carry protocol messages to the Raft actor of another node.  Not answered itself."""

    crosses_nodes = True

    cluster_id: str = Field(
        min_length=1, max_length=64, description="packets of other clusters are refused"
    )
    source: str = Field(max_length=128, description="the sending node")
    adopts: bool = Field(
        default=False,
        description="the receiver is a learner; if it has no state, this packet lets it join",
    )
    frames: tuple[bytes, ...] = Field(max_length=PACKET_FRAMES_MAX, description="one message each")


class RaftOffer(Message):
    """Ask a node without a cluster to begin one together.  Answered by `RaftPromise`, if at all."""

    crosses_nodes = True

    cluster_id: str = Field(min_length=1, max_length=64)
    initiator: str = Field(max_length=NODE_CHARACTERS_MAX)
    voters: tuple[Annotated[str, Field(max_length=NODE_CHARACTERS_MAX)], ...] = Field(
        min_length=1, max_length=64
    )
    instead_of: str = Field(
        default="",
        max_length=64,
        description="the id of an offer that its initiator has dropped for this one",
    )


class RaftPromise(Message):
    """Answer to `RaftOffer`: this node, which has no cluster, will join no other one.

    Repeated until the cluster begins.  An initiator that has promised itself to another offer
    answers with that offer.
    """

    crosses_nodes = True

    cluster_id: str = Field(min_length=1, max_length=64)
    node: str = Field(max_length=128)


class RaftPropose(Message):
    """Propose commands for the log, in this order.

    With a `number` it is answered by `RaftCommitted` or `RaftRefused`; a member that does not lead
    refuses it.  Without a number such a member forwards it to the leader, once.
    """

    crosses_nodes = True

    commands: tuple[Annotated[bytes, Field(max_length=COMMAND_BYTES_MAX)], ...] = Field(
        min_length=1, max_length=COMMANDS_MAX
    )
    number: int = Field(default=0, ge=0, description="chosen by the asker; 0: no answer is wanted")
    was_passed_on: bool = Field(default=False, description="by a member; it is not forwarded again")


class RaftProposeAsLeader(Message):
    """Propose commands that only the leader of `term` may propose; otherwise they are dropped.

    Only within a node: they are never forwarded.
    """

    commands: tuple[Annotated[bytes, Field(max_length=COMMAND_BYTES_MAX)], ...] = Field(
        min_length=1, max_length=COMMANDS_MAX
    )
    term: int = Field(ge=1)


class RaftCommitted(Message):
    """Answer to `RaftPropose`: all commands are committed, and applied on the leader."""

    crosses_nodes = True

    number: int = Field(ge=0)
    index: int = Field(ge=1, description="log index of the last command")


class RaftRefused(Message):
    """Answer to `RaftPropose`: the commands are not known to be committed; they may be repeated."""

    crosses_nodes = True

    number: int = Field(ge=0)
    leader: str = Field(description="the node to ask; empty: no leader is known")
    why: str


class RaftReadIndexRequest(Message):
    """Ask the leader for its commit index.  Answered by `RaftReadIndex`."""

    crosses_nodes = True

    number: int = Field(ge=1)


class RaftReadIndex(Message):
    """Answer to `RaftReadIndexRequest` (Raft §8, thesis §6.4)."""

    crosses_nodes = True

    number: int = Field(ge=1)
    index: int = Field(ge=0)
    is_confirmed: bool = Field(description="False: it no longer leads, so it cannot know")


class ClusterJoined(Message):
    """Report the Raft cluster of this node, which `admin` publishes.  To `admin`."""

    cluster_id: str = Field(max_length=64, description="empty: of none yet")


class LeasesSubscribe(Message):
    """Subscribe to the lease table and to who leads.

    Answered by `LeaseTableState` and `RaftLeading`, then by `LeasesChanged` and `RaftLeading`
    upon every change.  Several actors may subscribe.
    """


class RaftLeading(Message):
    """Report whether this node leads, and which node does."""

    is_leader: bool
    leader: str = Field(description="empty: no leader is known")
    term: int = Field(ge=0)
    yields: bool = Field(
        default=False,
        description="this cluster leaves leases that follow the leader to another cluster",
    )


class LeadershipProve(Message):
    """Ask the Raft actor of this node to prove that the node leads.

    Answered by `LeadershipProved` as soon as a majority has followed this node after the question,
    and not at all if the node does not lead.
    """

    session: str = Field(max_length=32, description="of leases; see `LeaseAcquire`")
    number: int = Field(ge=1, description="chosen by the asker, and echoed")


class LeadershipProved(Message):
    """Answer to `LeadershipProve`: no later leader can have been elected before the question."""

    number: int = Field(ge=1)
    term: int = Field(ge=1)
    tokens: tuple[int, ...] = Field(
        description="fencing tokens of the session's grants that this proof renews: all of them, "
        "or none while a voter is of a version that would not wait for them"
    )
    earlier_ago_s: float = Field(
        ge=0, description="no leader of an earlier term was proved later than this before now"
    )


class LeasesRead(Message):
    """Ask for the leases, at least as new as this request.  Always answered by `LeasesReadDone`."""

    number: int = Field(ge=1, description="chosen by the asker, and echoed")


class LeasesReadDone(Message):
    """Answer to `LeasesRead`."""

    number: int = Field(ge=1)
    state: LeaseTableState
    is_confirmed: bool = Field(description="False: no leader confirmed it, so it may be stale")


class RaftOrder(Message):
    """Order a change of leader or members.  Forwarded to the leader.

    Answered by `RaftOrderDone`.
    """

    crosses_nodes = True

    action: OrderAction
    node: str = Field(max_length=128)
    number: int = Field(default=0, ge=0, description="chosen by the asker, and echoed")
    was_passed_on: bool = Field(default=False, description="by a member; it is not forwarded again")


class RaftOrderDone(Message):
    """Answer to `RaftOrder`, once it is done or refused."""

    crosses_nodes = True

    number: int = Field(default=0, ge=0)
    is_done: bool
    text: str = Field(description="what happened, or why it was refused and what to do; for people")


class RaftStatusRequest(Message):
    """Ask a Raft actor for its status.  Answered by `RaftStatus`."""

    crosses_nodes = True


class RaftFollower(Message):
    """What the leader knows of one other member.  Part of `RaftStatus`."""

    crosses_nodes = True

    node: str
    match_index: int = Field(ge=0, description="it holds the log up to this index; 0: not known")
    confirmed_ago_s: float | None = Field(
        ge=0,
        description="age of the latest request that it has answered; None: it has answered none",
    )


class RaftStatus(Message):
    """Answer to `RaftStatusRequest`: the status of one member."""

    crosses_nodes = True

    node: str
    condition: MemberCondition
    trouble: RaftTrouble = Field(default="", description="empty: it is well")
    why: str = Field(default="", description="what it waits for, or why it refuses; for people")
    fix: str = Field(default="", description="what to do about it, if anything")
    cluster_id: str = Field(default="", description="empty: of none yet")
    role: Literal["follower", "pre_candidate", "candidate", "leader"] = "follower"
    term: int = Field(default=0, ge=0)
    leader: str = Field(default="", description="empty: no leader is known")
    commit_index: int = Field(default=0, ge=0)
    applied_index: int = Field(default=0, ge=0)
    last_index: int = Field(default=0, ge=0)
    snapshot_index: int = Field(default=0, ge=0)
    voters: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    removed: tuple[str, ...] = Field(default=(), description="removed by an operator")
    has_quorum: bool = Field(default=False, description="it knows a leader, or leads")
    followers: tuple[RaftFollower, ...] = Field(default=(), description="only on a leader")
    journal_bytes: int = Field(default=0, ge=0)
    foreign_cluster_ids: tuple[str, ...] = Field(
        default=(), description="of other clusters that this node knows of; they never merge"
    )
