"""Messages of a Raft member with its node, and with other members beside the protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from messages.base import Message
from messages.leases import LeaseTableState

PACKET_FRAMES_MAX = 64
COMMANDS_MAX = 1024
COMMAND_BYTES_MAX = 4096  # with all that may be open at once less than a record on disk holds

OrderAction = Literal["transfer", "add", "remove", "promote", "demote"]
# 'waiting': of no cluster yet; 'refuses': its disk failed, so it takes no part.
MemberCondition = Literal["waiting", "member", "refuses"]


class RaftPacket(Message):
    """Bring messages of the protocol to the Raft actor of another node.  No answer of its own."""

    crosses_nodes = True

    cluster_id: str = Field(min_length=1, max_length=64, description="others' are refused")
    source: str = Field(max_length=128, description="the sending node")
    adopts: bool = Field(
        default=False, description="the receiver learns only: without state it may join by this"
    )
    frames: tuple[bytes, ...] = Field(max_length=PACKET_FRAMES_MAX, description="one message each")


class RaftOffer(Message):
    """Ask a node of no cluster to begin one together.  Answered by `RaftPromise`, or not."""

    crosses_nodes = True

    cluster_id: str = Field(min_length=1, max_length=64)
    initiator: str = Field(max_length=128)
    voters: tuple[str, ...] = Field(min_length=1, max_length=64)
    instead_of: str = Field(
        default="",
        max_length=64,
        description="an offer that its initiator has given up for this one",
    )


class RaftPromise(Message):
    """Answer to `RaftOffer`: this node, of no cluster, will be of no other than that one.

    Repeated until the cluster begins.  Who has promised to another itself answers by that offer.
    """

    crosses_nodes = True

    cluster_id: str = Field(min_length=1, max_length=64)
    node: str = Field(max_length=128)


class RaftPropose(Message):
    """Ask for commands to be put into the log, in this order.

    A member that does not lead passes them on.  With a `number` it is answered: by
    `RaftCommitted` or `RaftRefused`, the latter without a member having passed it on.
    """

    crosses_nodes = True

    commands: tuple[Annotated[bytes, Field(max_length=COMMAND_BYTES_MAX)], ...] = Field(
        min_length=1, max_length=COMMANDS_MAX
    )
    number: int = Field(default=0, ge=0, description="the asker's; 0: no answer is wanted")
    was_passed_on: bool = Field(default=False, description="a second time it is not")


class RaftCommitted(Message):
    """Answer to `RaftPropose`: all of it is committed, and applied on the leader."""

    crosses_nodes = True

    number: int = Field(ge=0)
    index: int = Field(ge=1, description="log index of the last command")


class RaftRefused(Message):
    """Answer to `RaftPropose`: it is not known to be committed, and may be asked for again."""

    crosses_nodes = True

    number: int = Field(ge=0)
    leader: str = Field(description="whom to ask; empty: nobody is known to lead")
    why: str


class RaftReadIndexRequest(Message):
    """Ask the leader up to where the log is committed now.  Answered by `RaftReadIndex`."""

    crosses_nodes = True

    number: int = Field(ge=1)


class RaftReadIndex(Message):
    """Answer to `RaftReadIndexRequest` (Raft §8, thesis §6.4)."""

    crosses_nodes = True

    number: int = Field(ge=1)
    index: int = Field(ge=0)
    is_confirmed: bool = Field(description="False: it leads no more, so it cannot tell")


class ClusterJoined(Message):
    """State of which Raft cluster this node is, for what it says of itself.  To `admin`."""

    cluster_id: str = Field(max_length=64, description="empty: of none yet")


class LeasesSubscribe(Message):
    """Ask the Raft actor for the lease table now, and for every change after.

    Answered by `LeaseTableState` and `RaftLeading`, then by `LeasesChanged` and `RaftLeading`
    whenever that changes.  Several may subscribe.
    """


class RaftLeading(Message):
    """State whether this node leads, and who does."""

    is_leader: bool
    leader: str = Field(description="empty: nobody is known to lead")
    term: int = Field(ge=0)


class LeasesRead(Message):
    """Ask for the leases, as new as this question.  Answered by `LeasesReadDone`, in any case."""

    number: int = Field(ge=1, description="the asker's; echoed as it is")


class LeasesReadDone(Message):
    """Answer to `LeasesRead`."""

    number: int = Field(ge=1)
    state: LeaseTableState
    is_confirmed: bool = Field(description="False: no leader confirmed it, so it may be old")


class RaftOrder(Message):
    """Ask for a change of leader or members.  Passed on to the leader.

    Answered by `RaftOrderDone`.
    """

    crosses_nodes = True

    action: OrderAction
    node: str = Field(max_length=128)
    number: int = Field(default=0, ge=0, description="the asker's; echoed as it is")
    was_passed_on: bool = Field(default=False, description="a second time it is not")


class RaftOrderDone(Message):
    """Answer to `RaftOrder`, when it is done or will not be."""

    crosses_nodes = True

    number: int = Field(default=0, ge=0)
    is_done: bool
    text: str = Field(description="what happened, or why not and what to do; for people")


class RaftStatusRequest(Message):
    """Ask a Raft actor how it is.  Answered by `RaftStatus`."""

    crosses_nodes = True


class RaftFollower(Message):
    """What the leader knows of one other member.  Part of `RaftStatus`."""

    crosses_nodes = True

    node: str
    match_index: int = Field(ge=0, description="it holds the log up to there; 0: not known")
    confirmed_ago_s: float | None = Field(ge=0, description="age of what it answered last")


class RaftStatus(Message):
    """Answer to `RaftStatusRequest`: one member, as it sees itself."""

    crosses_nodes = True

    node: str
    condition: MemberCondition
    why: str = Field(default="", description="what it waits for, or refuses for; for people")
    fix: str = Field(default="", description="what to do about it, if anything")
    cluster_id: str = Field(default="", description="empty: of none yet")
    role: Literal["follower", "pre_candidate", "candidate", "leader"] = "follower"
    term: int = Field(default=0, ge=0)
    leader: str = Field(default="", description="empty: nobody is known to lead")
    commit_index: int = Field(default=0, ge=0)
    applied_index: int = Field(default=0, ge=0)
    last_index: int = Field(default=0, ge=0)
    snapshot_index: int = Field(default=0, ge=0)
    voters: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    removed: tuple[str, ...] = Field(default=(), description="taken out by an operator")
    has_quorum: bool = Field(default=False, description="it hears a leader, or is a confirmed one")
    followers: tuple[RaftFollower, ...] = Field(default=(), description="of a leader only")
    journal_bytes: int = Field(default=0, ge=0)
    foreign_cluster_ids: tuple[str, ...] = Field(
        default=(), description="of other clusters that this node hears of: they never merge"
    )
