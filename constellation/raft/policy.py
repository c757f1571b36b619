"""The numbers of Raft."""

from __future__ import annotations

from dataclasses import dataclass

from constellation.raft.configuration import VOTERS_MAX


@dataclass(frozen=True, slots=True)
class RaftPolicy:
    """Times and limits of one member."""

    heartbeat_interval_s: float = 0.2
    election_timeout_s: float = 1.0  # each wait is between this and twice this
    commit_told_s: float = 0.05  # until followers are told of a commit, if nothing else is sent
    resend_s: float = 0.5  # an append or chunk without an answer is sent again after this
    append_bytes_max: int = 1 << 18
    append_entries_max: int = 256
    snapshot_chunk_bytes: int = 1 << 18
    snapshot_entries: int = 8192  # after so many the state machine's snapshot replaces them
    proposals_max: int = 4096  # that are not committed yet
    voters_max: int = VOTERS_MAX

    def __post_init__(self) -> None:
        if self.heartbeat_interval_s * 3 > self.election_timeout_s:
            raise ValueError(
                f"heartbeat_interval_s ({self.heartbeat_interval_s}) must be at most a third of "
                f"election_timeout_s ({self.election_timeout_s}): one lost is no reason to elect"
            )
