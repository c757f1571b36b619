"""What a member has on disk when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from messages.raft import RaftEntry, RaftHardState, RaftIdentity, RaftSnapshot


@dataclass(frozen=True, slots=True)
class RaftDisk:
    """All that is durable.  `torn_bytes` of an unfinished write were cut from the end."""

    identity: RaftIdentity = field(default_factory=RaftIdentity)
    hard_state: RaftHardState = field(default_factory=lambda: RaftHardState(term=0))
    snapshot: RaftSnapshot | None = None
    entries: tuple[RaftEntry, ...] = ()
    torn_bytes: int = 0
