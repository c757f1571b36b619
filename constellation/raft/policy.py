"""The timeouts and limits of Raft."""

from __future__ import annotations

from constellation.raft.configuration import VOTERS_MAX
from constellation.value import Value


class RaftPolicy(Value):
    """Timeouts and limits of one member."""

    heartbeat_interval_s: float = 0.2
    election_timeout_s: float = 1.0  # each timeout is random, between this and twice this
    commit_told_s: float = 0.05  # time after which a heartbeat announces a commit
    resend_s: float = 0.5  # an append or chunk without an answer is sent again after this
    append_bytes_max: int = 1 << 18
    append_entries_max: int = 256
    snapshot_chunk_bytes: int = 1 << 18
    snapshot_entries: int = 8192  # a snapshot replaces the entries once this many are applied
    proposals_max: int = 4096  # uncommitted entries; beyond this proposals are refused
    voters_max: int = VOTERS_MAX

    def __post_init__(self) -> None:
        if self.heartbeat_interval_s * 3 > self.election_timeout_s:
            raise ValueError(
                f"heartbeat_interval_s ({self.heartbeat_interval_s}) must be at most a third of "
                f"election_timeout_s ({self.election_timeout_s}), so that one lost "
                "heartbeat starts no election"
            )
