"""Messages of Raft: what the log holds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message

EntryKind = Literal["command", "configuration", "noop"]


class RaftEntry(Message):
    """One entry of the replicated log.  Part of messages between nodes, and of the log on disk.

    A 'noop' is the first entry of each leader: it commits what earlier terms have left (Raft §8).
    """

    crosses_nodes = True

    index: int = Field(ge=1)
    term: int = Field(ge=1)
    kind: EntryKind = "command"
    data: bytes = Field(default=b"", max_length=1 << 20, description="for the state machine")
