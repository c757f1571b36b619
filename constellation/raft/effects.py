"""What the Raft core asks its shell to do, in the order returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from constellation.effects import Note
from messages.base import Message
from messages.raft import RaftEntry, RaftHardState, RaftSnapshot

Role = Literal["follower", "pre_candidate", "candidate", "leader"]


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
class SendTo:
    """Deliver `message` to the Raft actor of another node.  May be lost."""

    node: str
    message: Message


@dataclass(frozen=True, slots=True)
class Apply:
    """Hand committed entries to the state machine, in this order, once each in a life."""

    entries: tuple[RaftEntry, ...]


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """This node's role, the leader or the term is another now.  `leader` is empty if unknown."""

    role: Role
    term: int
    leader: str


Save = SaveHardState | SaveEntries | SaveSnapshot
Effect = Save | SendTo | Apply | RoleChanged | Note
