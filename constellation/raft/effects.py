"""What the Raft core asks for.  `batch` says in which order it is performed."""

from __future__ import annotations

from constellation.effects import Note
from constellation.raft.roles import Role
from constellation.value import Value
from messages.base import Message
from messages.raft import RaftEntry, RaftHardState, RaftIdentity, RaftSnapshot


class SaveHardState(Value):
    """Make term and vote durable BEFORE any effect that follows in the same step."""

    state: RaftHardState


class SaveEntries(Value):
    """Make entries durable, replacing all from the first index on, BEFORE what follows."""

    entries: tuple[RaftEntry, ...]


class SaveSnapshot(Value):
    """Make a snapshot and the log after it durable, replacing the whole log on disk."""

    snapshot: RaftSnapshot
    entries: tuple[RaftEntry, ...]


class SaveIdentity(Value):
    """Make durable the cluster that this node belongs to, or its promise, BEFORE what follows."""

    identity: RaftIdentity


class SendTo(Value):
    """Deliver `message` to the Raft actor of another node.  May be lost."""

    node: str
    message: Message


class Apply(Value):
    """Apply committed entries to the state machine, in this order, each once per process life."""

    entries: tuple[RaftEntry, ...]


class Restore(Value):
    """Replace the state machine by a snapshot that the leader has sent."""

    snapshot: RaftSnapshot


class ReadReady(Value):
    """A read may be answered now: the state machine holds everything that preceded it."""

    number: int
    is_confirmed: bool  # False: this node no longer leads and cannot know


class LeaderProved(Value):
    """A majority has followed this leader since it was asked to prove that."""

    number: int
    term: int
    earlier_ago_s: float  # no leader of an earlier term was proved later than this before now
    renews: bool  # every other voter would wait for what this proves


class RoleChanged(Value):
    """The role of this node or the known leader has changed.  `leader` is empty if unknown."""

    role: Role
    term: int
    leader: str
    why: str  # for the log and for people


Save = SaveHardState | SaveEntries | SaveSnapshot | SaveIdentity
Effect = Save | SendTo | Apply | Restore | ReadReady | LeaderProved | RoleChanged | Note
