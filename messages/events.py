"""Messages of events: what actors report to this node's history, and the operator's view of it.

`EventName` is the whole vocabulary: a producer cannot report a name that is not in it.
docs/events.md says what each name means.
"""

from typing import Literal

from pydantic import Field

from messages.base import Message

EventName = Literal[
    # of a node, from gossip
    "join",
    "leave",
    "update",
    "failed",
    "cordoned",
    "uncordoned",
    "name_conflict",
    "path_lost",
    "path_restored",
    "records_refused",
    "key_mismatch",
    "keys_changed",
    # of a service on a node
    "healthy",
    "unhealthy",
    "starting",
    "stopped",
    "gone",
    # of Raft
    "leader_elected",
    "leader_lost",
    "raft_voter",
    "raft_learner",
    "raft_removed",
    "raft_fell_back",
    # of a lease
    "lease_granted",
    "lease_freed",
    "lease_lost",
    # of a WARP gateway
    "warp_healthy",
    "warp_unhealthy",
    # of DNS records
    "dns_changed",
    "dns_drift",
]


class ChangeReported(Message):
    """Report an event on this node to its history.  Sent to `admin`.  No answer."""

    what: EventName
    node: str = Field(max_length=128, description="the node it is about; may be empty")
    subject: str = Field(default="", max_length=128, description="e.g. the name of the lease")
    reason: str = Field(default="", max_length=512)


class EventsRequest(Message):
    """Ask for the recent events.  Answered by `EventsReport`."""

    crosses_nodes = True


class EventRow(Message):
    """One event of a node, of a service on a node, or of Raft.  Part of `EventsReport`."""

    ago_s: float = Field(ge=0.0, description="since the asked node learned of it")
    node: str = Field(description="the node it is about; empty for some events of Raft")
    service: str = Field(default="", description="empty: it is not about a service")
    subject: str = Field(
        default="",
        description="what else it is about: a lease, or an instance whose name is not that of its "
        "service; often empty",
    )
    what: EventName
    reason: str = Field(default="", description="why; may be empty")


class EventsReport(Message):
    """Answer to `EventsRequest`: the newest first, as far back as the asked node remembers."""

    crosses_nodes = True

    events: tuple[EventRow, ...]
    since_ago_s: float = Field(ge=0.0, description="how long the asked node has recorded events")
    degraded: tuple[str, ...] = Field(
        default=(), description="always empty: events of the past need no action"
    )
