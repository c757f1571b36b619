"""Messages of the Raft protocol, and what the log holds."""

from typing import Literal

from pydantic import Field

from messages.base import Message

SNAPSHOT_BYTES_MAX = 64 << 20
NODE_CHARACTERS_MAX = 128  # of a node's name
AGO_S_MAX = 1e9
NUMBER_MAX = 1 << 53  # of terms and indexes: never reached, and exact in every encoding

EntryKind = Literal["command", "configuration", "noop"]


class RaftEntry(Message):
    """One entry of the replicated log.  Part of messages between nodes, and of the log on disk.

    A 'noop' is the first entry of each leader: it commits the entries of earlier terms (Raft §8).
    """

    crosses_nodes = True

    index: int = Field(ge=1, le=NUMBER_MAX)
    term: int = Field(ge=1, le=NUMBER_MAX)
    kind: EntryKind = "command"
    data: bytes = Field(default=b"", max_length=1 << 20, description="for the state machine")


class RaftHardState(Message):
    """Term and vote: durable before any answer that relies on them (Raft §5.1)."""

    term: int = Field(ge=0, le=NUMBER_MAX)
    voted_for: str = Field(default="", description="in `term`; empty: no vote yet")


class RaftConfiguration(Message):
    """The voters and learners.  The data of an entry of kind 'configuration'.

    Names of more than `NODE_CHARACTERS_MAX` are refused where they arrive, not here: a journal that
    holds one must stay readable.
    """

    crosses_nodes = True

    voters: tuple[str, ...] = Field(min_length=1, max_length=64)
    learners: tuple[str, ...] = Field(default=(), max_length=64)
    removed: tuple[str, ...] = Field(
        default=(), max_length=64, description="by an operator; only an operator adds them again"
    )
    demoted: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="by an operator; only an operator promotes them again",
    )


class RaftSnapshot(Message):
    """The state machine at one index; it replaces all entries up to that index (Raft §7)."""

    last_index: int = Field(ge=1, le=NUMBER_MAX)
    last_term: int = Field(ge=1, le=NUMBER_MAX)
    configuration: RaftConfiguration = Field(description="as of `last_index`")
    data: bytes = Field(description="of the state machine")


class RaftIdentity(Message):
    """The cluster that a node belongs to: durable before its first vote, and then never changed."""

    cluster_id: str = Field(default="", description="empty: none yet")
    promised_to: str = Field(
        default="", description="the id of the one bootstrap offer accepted; empty: none"
    )
    promised_by: str = Field(default="", description="the node that made that offer")
    promised_with: tuple[tuple[str, ...], ...] = Field(
        default=(),
        max_length=16,
        description="the voters of that offer, then of earlier ones whose cluster may have begun",
    )


class RaftVoteRequest(Message):
    """Ask for a vote (Raft §5.2) or a pre-vote (thesis §9.6).

    Answered by `RaftVoteResponse`, if at all.
    """

    crosses_nodes = True

    term: int = Field(
        ge=1, le=NUMBER_MAX, description="the candidate's; in a pre-vote the term it would enter"
    )
    candidate: str
    last_log_index: int = Field(ge=0, le=NUMBER_MAX)
    last_log_term: int = Field(ge=0, le=NUMBER_MAX)
    pre_vote: bool = False
    transferred: bool = Field(default=False, description="the leader asked the candidate to stand")


class RaftVoteResponse(Message):
    """Answer to `RaftVoteRequest`."""

    crosses_nodes = True

    term: int = Field(
        ge=0, le=NUMBER_MAX, description="the voter's; in a granted pre-vote the requested term"
    )
    voter: str
    granted: bool
    pre_vote: bool = False


class RaftHeard(Message):
    """Tell a candidate how long ago this voter followed an earlier leader, with the vote itself.

    Sent before the vote.  A candidate sends it with its request, too: so others know that it does.
    """

    crosses_nodes = True

    term: int = Field(ge=1, le=NUMBER_MAX, description="of the vote")
    voter: str
    ago_s: float = Field(
        ge=0,
        le=AGO_S_MAX,
        description="it followed no leader of an earlier term later than this before it voted",
    )


class RaftAppendRequest(Message):
    """Append entries, or none as a heartbeat (Raft §5.3).  Answered by `RaftAppendResponse`."""

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
        ge=0, le=NUMBER_MAX, description="of the request; 0: the request was of an earlier term"
    )
    accepted: bool
    index: int = Field(
        ge=0, le=NUMBER_MAX, description="accepted: the logs agree up to here; refused: a hint"
    )
    index_term: int = Field(
        default=0,
        ge=0,
        le=NUMBER_MAX,
        description="of a hint: the term at `index`; accepted: 1 if this member sends `RaftHeard` "
        "with its votes, 0 if it is of a version that does not",
    )


class RaftSnapshotRequest(Message):
    """Send one chunk of a snapshot to a follower that is too far behind (Raft §7).

    Answered by `RaftSnapshotResponse`; after the last chunk by `RaftAppendResponse` instead.
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
    """Ask a follower to stand for election at once (leadership transfer, thesis §3.10)."""

    crosses_nodes = True

    term: int = Field(ge=1, le=NUMBER_MAX)
    leader: str
