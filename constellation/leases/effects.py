"""What a lease manager asks its shell to do."""

from __future__ import annotations

from dataclasses import dataclass

from constellation.effects import Note
from messages.base import Message
from messages.leases import LeaseAcquired, LeaseLost


@dataclass(frozen=True, slots=True)
class Propose:
    """Have commands put into the log, in this order.  May be lost: all are asked for again."""

    commands: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell those in this node who want the lease."""

    message: LeaseAcquired | LeaseLost


LeaseEffect = Propose | Tell | Note
