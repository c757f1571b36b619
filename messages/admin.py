"""Messages of the operator: questions to the admin actor and its answers.

The fields of the three reports are also what `constellation ... --json` prints.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.gossip import CORDON_REASON_CHARACTERS_MAX, MemberState
from messages.lifecycle import ActorStatus
from messages.monitor import Endpoint, Health
from messages.raft_reports import LeaseHolder

# 'absent' was never there since the agent started; 'lost' was there and is gone.
PartState = Literal["present", "absent", "lost"]
CORDONED = "it asks not to be given requests"


class StatusRequest(Message):
    """Ask a node how it is.  Answered by `StatusReport`."""

    crosses_nodes = True


class NodeStatusRequest(Message):
    """Ask one node's admin actor, over the convention, how its own node is.

    Answered by `NodeStatus`.
    """

    crosses_nodes = True


class PartReported(Message):
    """State how a part of this host is that an actor uses.  Sent to `admin`.  No answer."""

    part: str = Field(min_length=1, max_length=64, description="e.g. 'docker'")
    state: PartState
    why: str = Field(default="", max_length=512)
    fix: str = Field(default="", max_length=512)


class NodeStatus(Message):
    """How one node is, in its own words.  Answer to `NodeStatusRequest`."""

    crosses_nodes = True

    node: str
    agent_version: str
    uptime_s: float = Field(ge=0.0, description="since its agent started")
    actors: tuple[ActorStatus, ...] = Field(description="in the order in which they start")
    parts: tuple[PartReported, ...] = Field(default=(), description="what is not present")


class StatusReport(Message):
    """Answer to `StatusRequest`: the cluster as the asked node sees it."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    is_cluster_known: bool = Field(
        default=True, description="false: the report is about the asked node only"
    )
    nodes_alive: int = Field(ge=0, description="neither suspected nor dead")
    nodes_total: int = Field(ge=0, description="without those that left")
    services_healthy: int = Field(ge=0, description="instances that requests can go to")
    services_total: int = Field(
        ge=0,
        description="instances that should run: not stopped or stopping, nor on a node that left",
    )
    degraded: tuple[str, ...] = Field(
        description="what to act on, for people, the worst first; empty: nothing"
    )
    notes: tuple[str, ...] = Field(
        default=(), description="what is not as it could be, yet nothing to act on; for people"
    )
    nodes: tuple[NodeStatus, ...] = Field(description="of the nodes that answered, by name")
    unanswered: tuple[str, ...] = Field(description="living nodes whose admin did not answer")
    leader: str = Field(default="", description="who leads Raft; empty: nobody, as far as is known")
    leases: tuple[LeaseHolder, ...] = Field(default=(), description="those that are held, by name")


class NodesRequest(Message):
    """Ask for the nodes of the cluster.  Answered by `NodesReport`."""

    crosses_nodes = True


class NodeRow(Message):
    """One node.  Part of `NodesReport`."""

    node: str
    state: MemberState
    is_self: bool = Field(description="it is the node that was asked")
    address: str
    priority: int = Field(description="lower is preferred as leader")
    cordoned: bool = Field(description=CORDONED)
    cordon_reason: str = Field(default="", description="why it is cordoned; may be empty")
    capabilities: tuple[str, ...] = Field(description="e.g. 'docker', 'traefik'")
    agent_version: str = Field(description="empty: not known")
    services_healthy: int = Field(ge=0, description="as in `StatusReport`")
    services_total: int = Field(ge=0, description="as in `StatusReport`")
    changed_ago_s: float = Field(ge=0.0, description="how long it has been in `state`")


class NodesReport(Message):
    """Answer to `NodesRequest`: those in trouble first, then by name."""

    crosses_nodes = True

    nodes: tuple[NodeRow, ...]
    degraded: tuple[str, ...] = Field(default=(), description="as in `StatusReport`, of nodes")


class ServicesRequest(Message):
    """Ask for the services of the cluster.  Answered by `ServicesReport`."""

    crosses_nodes = True


class ServiceRow(Message):
    """One service on one node.  Part of `ServicesReport`."""

    service: str
    node: str
    health: Health = Field(description="as its node said last")
    reason: str = Field(description="why it is not healthy or not routable; may be empty")
    source: str
    image: str
    endpoints: tuple[Endpoint, ...]
    routable: bool = Field(
        description="healthy, not draining, on a living node that is not cordoned"
    )


class ServicesReport(Message):
    """Answer to `ServicesRequest`: services in trouble first, then by name and node."""

    crosses_nodes = True

    services: tuple[ServiceRow, ...]
    degraded: tuple[str, ...] = Field(default=(), description="as in `StatusReport`, of services")


class CordonOrder(Message):
    """Ask that a node be given no requests any more, or again.  To `admin` of any node.

    Answered by `CordonReport`, or by `RequestRefused`.
    """

    crosses_nodes = True

    node: str = Field(min_length=1, max_length=128)
    cordoned: bool = Field(description="false: it is given requests again")
    reason: str = Field(
        default="",
        max_length=CORDON_REASON_CHARACTERS_MAX,
        description="for people; empty: the one it has already, if any",
    )


class CordonChange(Message):
    """Tell the admin actor of `node` itself what an operator ordered.  It is not passed on.

    Answered by `CordonChanged`.
    """

    crosses_nodes = True

    number: int = Field(ge=0, description="of the order, for who passes it on")
    node: str = Field(min_length=1, max_length=128)
    cordoned: bool = Field(description="as in `CordonOrder`")
    reason: str = Field(default="", max_length=CORDON_REASON_CHARACTERS_MAX)


class CordonChanged(Message):
    """Answer to `CordonChange`: what holds on the node now, also after a restart of its agent."""

    crosses_nodes = True

    number: int = Field(ge=0, description="of the order")
    node: str
    cordoned: bool = Field(description=CORDONED)
    reason: str = Field(default="", max_length=CORDON_REASON_CHARACTERS_MAX)
    was_already: bool = Field(description="it was as ordered before")
    why: str = Field(default="", max_length=512, description="it did not obey; empty: it did")
    fix: str = Field(default="", max_length=512, description="what to do about that")


class CordonReport(Message):
    """Answer to `CordonOrder`: what holds now, and what follows for requests."""

    crosses_nodes = True

    node: str
    cordoned: bool = Field(description=CORDONED)
    reason: str = Field(default="", max_length=CORDON_REASON_CHARACTERS_MAX)
    was_already: bool = Field(description="it was as ordered before")
    services: tuple[str, ...] = Field(
        description="those healthy on it, by name: its instances take no requests while it is "
        "cordoned"
    )
    sole_services: tuple[str, ...] = Field(
        description="of those the ones healthy nowhere else: nobody answers for them in the "
        "meantime"
    )
