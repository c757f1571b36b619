"""The batch: all that one round of work asks of the shell, in the order in which it must happen.

The ordering law is on the fields of `Batch`, as on those of `Ready` in etcd's Raft.  There is one
write and one sync for a whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

from constellation.effects import Note, Send
from constellation.raft.asked import Reply
from constellation.raft.effects import (
    RoleChanged,
    Save,
    SaveEntries,
    SaveHardState,
    SaveIdentity,
    SaveSnapshot,
    SendTo,
)
from constellation.value import Value
from messages.base import Message
from messages.leases import LeasesChanged, LeaseTableState
from messages.raft import RaftAppendRequest, RaftEntry
from messages.raft_member import RaftLeading

SAVES = (SaveHardState, SaveEntries, SaveSnapshot, SaveIdentity)


T = TypeVar("T")


class Publish(Value):
    """Effect: send to every subscriber of the lease table."""

    message: LeaseTableState | LeasesChanged | RaftLeading


LocalEffect = Publish | Reply | Send | Note


class Rest(NamedTuple):
    """What concerns only this node, in the order in which it must happen.

    Only AFTER `saves` is durable: an answer says that something is committed, and the only voter of
    a cluster commits entries of this very batch.
    """

    # Committed entries that the lease table holds now.
    applied: tuple[RaftEntry, ...] = ()

    # Changes of role or leader, in order, to be counted.
    role_changes: tuple[RoleChanged, ...] = ()

    # Answers, news for subscribers, reports and log events.  Keep the order: a subscriber must not
    # be sent an older state of the table after a newer one.
    local: tuple[LocalEffect, ...] = ()


@dataclass(frozen=True)
class Batch:
    """What one round of work asks for.  Perform the fields in the order declared here."""

    # Needs nothing durable: send it BEFORE or while `saves` is written.  These are appends of a
    # leader, whose own copy counts only with the answers of others (thesis §10.2.1), so the disks
    # of leader and followers work at the same time.
    early_sends: tuple[SendTo, ...] = ()

    # Make it durable with one write and one sync, all of it or nothing.  If that fails, report
    # `RaftHost.save_failed` and perform nothing below.
    saves: tuple[Save, ...] = ()

    # What is left for other nodes: votes, acknowledgements, promises, appends that name an
    # entry of this batch as committed.  Only AFTER `saves` is durable: each of them says that
    # this node will not forget it (Raft §5.1).  May be lost.
    sends: tuple[SendTo, ...] = ()

    # Call `RaftHost.saved`, which calls this, and perform the result.  It applies what is
    # committed: other nodes need not wait for that.
    work_out: Callable[[], Rest] = field(default=Rest, compare=False)

    @cached_property
    def rest(self) -> Rest:
        """What `work_out` returns.  Look at it before the next batch is made."""
        return self.work_out()


def in_safe_order(effects: Sequence[T]) -> tuple[list[SendTo], list[Save], list[T]]:
    """Return what may be sent before the write, what is written, and what must wait for it."""
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
    # If a term, a vote or a snapshot must be written, `first_index` is 0, and nothing is early.
    # Nor is an append that names an entry of this batch as committed: the only voter can do that.
    return isinstance(message, RaftAppendRequest) and message.commit_index < first_index
