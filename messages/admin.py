"""Messages of the operator: questions to the admin actor and its answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.gossip import MemberState
from messages.lifecycle import ActorStatus
from messages.monitor import Endpoint, Health

# 'absent' was never there since the agent started; 'lost' was there and is gone.
PartState = Literal["present", "absent", "lost"]


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
    uptime_s: float = Field(ge=0.0)
    actors: tuple[ActorStatus, ...]
    parts: tuple[PartReported, ...] = Field(default=(), description="what is not present")


class StatusReport(Message):
    """Answer to `StatusRequest`: the cluster as the asked node sees it."""

    crosses_nodes = True

    self_node: str
    nodes_alive: int = Field(ge=0)
    nodes_total: int = Field(ge=0)
    services_healthy: int = Field(ge=0)
    services_total: int = Field(ge=0)
    degraded: tuple[str, ...] = Field(description="what is wrong, for people; empty: nothing")
    nodes: tuple[NodeStatus, ...]
    unanswered: tuple[str, ...] = Field(description="living nodes whose admin did not answer")


class NodesRequest(Message):
    """Ask for the nodes of the cluster.  Answered by `NodesReport`."""

    crosses_nodes = True


class NodeRow(Message):
    """One node.  Part of `NodesReport`."""

    node: str
    state: MemberState
    is_self: bool
    address: str
    priority: int
    cordoned: bool
    capabilities: tuple[str, ...]
    agent_version: str
    services_healthy: int = Field(ge=0)
    services_total: int = Field(ge=0)
    changed_ago_s: float = Field(ge=0.0)


class NodesReport(Message):
    """Answer to `NodesRequest`."""

    crosses_nodes = True

    nodes: tuple[NodeRow, ...]


class ServicesRequest(Message):
    """Ask for the services of the cluster.  Answered by `ServicesReport`."""

    crosses_nodes = True


class ServiceRow(Message):
    """One service on one node.  Part of `ServicesReport`."""

    service: str
    node: str
    health: Health
    reason: str
    source: str
    image: str
    endpoints: tuple[Endpoint, ...]
    routable: bool = Field(description="healthy, on a living node that is not cordoned")


class ServicesReport(Message):
    """Answer to `ServicesRequest`."""

    crosses_nodes = True

    services: tuple[ServiceRow, ...]


class RequestRefused(Message):
    """Answer to a request that cannot be served; says what failed, why, and what to do."""

    crosses_nodes = True

    what: str
    why: str
    fix: str
