"""What the cores of leases ask their shells to do."""

from __future__ import annotations

from constellation.effects import Note, Send
from constellation.value import Value
from messages.base import Message
from messages.leases import LeaseAcquired, LeaseLost, LeaseRefused
from messages.raft_member import LeadershipProve


class Propose(Value):
    """Propose commands to Raft, in this order.  They may be lost: the keeper proposes again."""

    commands: tuple[Message, ...]


class ProposeAsLeader(Value):
    """Propose commands that only the leader of `term` may propose.  They may be lost."""

    commands: tuple[Message, ...]
    term: int


class Prove(Value):
    """Ask Raft to prove that this node leads.  Without an answer the keeper asks again."""

    question: LeadershipProve


class Announce(Value):
    """This node acquired, renewed or lost a lease."""

    message: LeaseAcquired | LeaseLost


LeaseEffect = Propose | ProposeAsLeader | Prove | Announce | Note


class SendToReader(Value):
    """Send to one actor that wants the lease.  `reader` is its address as a text."""

    reader: str
    message: LeaseAcquired | LeaseLost | LeaseRefused


ManagerEffect = LeaseEffect | SendToReader


class WritePermit(Value):
    """The right to do one write under a lease.  Give it back with `end_write`, once."""

    lease: str
    fencing_token: int  # to be sent with the write
    number: int  # unique in the life of the holder


class Gained(Value):
    """The actor may act on the lease from now on."""

    lease: str
    fencing_token: int


class Gone(Value):
    """The actor must stop acting on the lease.  `permit` covers what it does to stop.

    The lease is not let go before `permit` has been ended.
    """

    permit: WritePermit
    why: str
    until_s: float  # CLOCK_BOOTTIME: after that another node may act


class Confirmed(Value):
    """The end of a `confirm`; without a permit the actor must not write, because of `why`."""

    number: int
    permit: WritePermit | None
    why: str = ""


class Overdue(Value):
    """The write must be abandoned: another node may hold the lease from now on."""

    permit: WritePermit


HolderEffect = Send | Note | Gained | Gone | Confirmed | Overdue
