"""In which order the effects of one batch are performed, with one write to disk for all of it.

The leader sends entries to followers while it writes them itself (thesis §10.2.1): it counts its
own copy only with their answers, which come in a later batch.  Everything else that rests on the
disk waits for it; so does an append that says that an entry of this batch is committed, which the
only voter can say by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from constellation.raft.effects import (
    Save,
    SaveEntries,
    SaveHardState,
    SaveIdentity,
    SaveSnapshot,
    SendTo,
)
from messages.base import Message
from messages.raft import RaftAppendRequest

SAVES = (SaveHardState, SaveEntries, SaveSnapshot, SaveIdentity)


T = TypeVar("T")


def in_safe_order(effects: Sequence[T]) -> tuple[list[SendTo], list[Save], list[T]]:
    """Return what is done before the write, what is written, and what is done after it."""
    saves: list[Save] = [one for one in effects if isinstance(one, SAVES)]
    first_index = min(
        (one.entries[0].index if isinstance(one, SaveEntries) else 0 for one in saves), default=0
    )
    early: list[SendTo] = []
    late: list[T] = []
    for effect in effects:
        if isinstance(effect, SAVES):
            continue
        if isinstance(effect, SendTo) and _is_early(effect.message, first_index):
            early.append(effect)
        else:
            late.append(effect)
    return early, saves, late


def _is_early(message: Message, first_index: int) -> bool:
    # With a term, a vote or a snapshot to be written, `first_index` is 0: then nothing is early.
    return isinstance(message, RaftAppendRequest) and message.commit_index < first_index
