"""What the Raft core asks its shell to do, in the order returned."""

from __future__ import annotations

from dataclasses import dataclass

from constellation.effects import Note
from constellation.raft.roles import Role
from messages.base import Message
from messages.raft import RaftEntry, RaftHardState, RaftIdentity, RaftSnapshot


@dataclass(frozen=True, slots=True)
class SaveHardState:
    """Make term and vote durable BEFORE any effect that follows in the same step."""

    state: RaftHardState


@dataclass(frozen=True, slots=True)
class SaveEntries:
    """Make entries durable in place of all from the first one's index on, before what follows."""

    entries: tuple[RaftEntry, ...]


@dataclass(frozen=True, slots=True)
class SaveSnapshot:
    """Make a snapshot, and the whole log after it, durable in place of all entries kept so far."""

    snapshot: RaftSnapshot
    entries: tuple[RaftEntry, ...]


@dataclass(frozen=True, slots=True)
class SaveIdentity:
    """Make durable which cluster this node is of, or has promised to be, before what follows."""

    identity: RaftIdentity


@dataclass(frozen=True, slots=True)
class SendTo:
    """Deliver `message` to the Raft actor of another node.  May be lost."""

    node: str
    message: Message


@dataclass(frozen=True, slots=True)
class Apply:
    """Hand committed entries to the state machine, in this order, once each in a life."""

    entries: tuple[RaftEntry, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """Begin the state machine anew from a snapshot that came from the leader."""

    snapshot: RaftSnapshot


@dataclass(frozen=True, slots=True)
class ReadReady:
    """A read asked for may be answered now: the state machine holds all that came before it."""

    number: int
    is_confirmed: bool  # False: this node leads no more, and cannot tell


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """This node's role, the leader or the term is another now.  `leader` is empty if unknown."""

    role: Role
    term: int
    leader: str
    why: str  # in words, for the log and for people


Save = SaveHardState | SaveEntries | SaveSnapshot | SaveIdentity
Effect = Save | SendTo | Apply | Restore | ReadReady | RoleChanged | Note
