"""Messages of Raft: what the log holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message

SNAPSHOT_BYTES_MAX = 64 << 20
NUMBER_MAX = 1 << 53  # of terms and indexes: more than can come to be, and exact everywhere

EntryKind = Literal["command", "configuration", "noop"]


class RaftEntry(Message):
    """One entry of the replicated log.  Part of messages between nodes, and of the log on disk.

    A 'noop' is the first entry of each leader: it commits what earlier terms have left (Raft §8).
    """

    crosses_nodes = True

    index: int = Field(ge=1, le=NUMBER_MAX)
    term: int = Field(ge=1, le=NUMBER_MAX)
    kind: EntryKind = "command"
    data: bytes = Field(default=b"", max_length=1 << 20, description="for the state machine")


class RaftHardState(Message):
    """What a node must never forget: kept on disk before any answer that rests on it (§5.1)."""

    term: int = Field(ge=0, le=NUMBER_MAX)
    voted_for: str = Field(default="", description="in `term`; empty: nobody yet")


class RaftConfiguration(Message):
    """Who votes and who only learns.  The data of an entry of kind 'configuration'."""

    crosses_nodes = True

    voters: tuple[str, ...] = Field(min_length=1, max_length=64)
    learners: tuple[str, ...] = Field(default=(), max_length=64)
    removed: tuple[str, ...] = Field(
        default=(), max_length=64, description="by an operator: not to be added by themselves"
    )
    demoted: tuple[str, ...] = Field(
        default=(), max_length=64, description="by an operator: learners that are to stay so"
    )


class RaftSnapshot(Message):
    """The state machine as of one entry; it stands for all entries up to that (Raft §7)."""

    last_index: int = Field(ge=1, le=NUMBER_MAX)
    last_term: int = Field(ge=1, le=NUMBER_MAX)
    configuration: RaftConfiguration = Field(description="as of `last_index`")
    data: bytes = Field(description="of the state machine")


class RaftIdentity(Message):
    """Which cluster a node belongs to: durable before its first vote, and never changed after."""

    cluster_id: str = Field(default="", description="empty: of none yet")
    promised_to: str = Field(
        default="", description="the id of the one bootstrap offer accepted; empty: none"
    )
    promised_by: str = Field(default="", description="the node that made that offer")
    promised_with: tuple[tuple[str, ...], ...] = Field(
        default=(),
        max_length=16,
        description="the voters of that offer, and of earlier ones that may have been begun",
    )


class RaftVoteRequest(Message):
    """Ask for a vote (Raft §5.2), or whether one would be given (thesis §9.6).

    Answered by `RaftVoteResponse`, if at all.
    """

    crosses_nodes = True

    term: int = Field(
        ge=1, le=NUMBER_MAX, description="the candidate's; of a pre-vote the one it would take"
    )
    candidate: str
    last_log_index: int = Field(ge=0, le=NUMBER_MAX)
    last_log_term: int = Field(ge=0, le=NUMBER_MAX)
    pre_vote: bool = False
    transferred: bool = Field(default=False, description="the leader itself asked it to stand")


class RaftVoteResponse(Message):
    """Answer to `RaftVoteRequest`."""

    crosses_nodes = True

    term: int = Field(
        ge=0, le=NUMBER_MAX, description="the voter's; of a granted pre-vote the one asked for"
    )
    voter: str
    granted: bool
    pre_vote: bool = False


class RaftAppendRequest(Message):
    """Bring entries, or none as a heartbeat (Raft §5.3).  Answered by `RaftAppendResponse`."""

    crosses_nodes = True

    term: int = Field(ge=1, le=NUMBER_MAX)
    leader: str
    number: int = Field(ge=1, le=NUMBER_MAX, description="of the leader's requests in its term")
    prev_log_index: int = Field(ge=0, le=NUMBER_MAX)
    prev_log_term: int = Field(ge=0, le=NUMBER_MAX)
    entries: tuple[RaftEntry, ...] = ()
    commit_index: int = Field(ge=0, le=NUMBER_MAX)


class RaftAppendResponse(Message):
    """Answer to `RaftAppendRequest`."""

    crosses_nodes = True

    term: int = Field(ge=0, le=NUMBER_MAX)
    follower: str
    number: int = Field(
        ge=0, le=NUMBER_MAX, description="of the request; 0: of one of an earlier term"
    )
    accepted: bool
    index: int = Field(
        ge=0, le=NUMBER_MAX, description="accepted: up to where the logs agree; else a hint"
    )
    index_term: int = Field(
        default=0, ge=0, le=NUMBER_MAX, description="of a hint: the term at `index`"
    )


class RaftSnapshotRequest(Message):
    """Bring one chunk of a snapshot to a follower that is too far behind (Raft §7).

    Answered by `RaftSnapshotResponse`; when it has all, by `RaftAppendResponse` as well.
    """

    crosses_nodes = True

    term: int = Field(ge=1, le=NUMBER_MAX)
    leader: str
    number: int = Field(ge=1, le=NUMBER_MAX, description="of the leader's requests in its term")
    last_index: int = Field(ge=1, le=NUMBER_MAX)
    last_term: int = Field(ge=1, le=NUMBER_MAX)
    configuration: RaftConfiguration
    size_bytes: int = Field(ge=0, le=SNAPSHOT_BYTES_MAX, description="of the whole")
    offset_bytes: int = Field(ge=0, le=NUMBER_MAX, description="where the chunk begins")
    data: bytes = Field(max_length=1 << 20)


class RaftSnapshotResponse(Message):
    """Answer to `RaftSnapshotRequest`."""

    crosses_nodes = True

    term: int = Field(ge=0, le=NUMBER_MAX)
    follower: str
    number: int = Field(ge=1, le=NUMBER_MAX, description="of the request")
    have_bytes: int = Field(ge=0, le=NUMBER_MAX, description="where the next chunk must begin")


class RaftTimeoutNow(Message):
    """Ask the most complete follower to stand at once (leadership transfer, thesis §3.10)."""

    crosses_nodes = True

    term: int = Field(ge=1, le=NUMBER_MAX)
    leader: str
