"""What a member has on disk when it starts."""

from __future__ import annotations

from msgspec import field

from constellation.value import Value
from messages.raft import RaftEntry, RaftHardState, RaftIdentity, RaftSnapshot


class RaftDisk(Value):
    """All that is durable.  `torn_bytes` of an unfinished write were cut from the end."""

    identity: RaftIdentity = field(default_factory=RaftIdentity)
    hard_state: RaftHardState = field(default_factory=lambda: RaftHardState(term=0))
    snapshot: RaftSnapshot | None = None
    entries: tuple[RaftEntry, ...] = ()
    torn_bytes: int = 0
