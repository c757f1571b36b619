"""The operator's questions about the nodes and the services of the cluster, and their answers.

The fields of the reports are also what `constellation ... --json` prints.
"""

from pydantic import Field

from messages.base import Message
from messages.gossip import MemberState
from messages.monitor import Endpoint, Health


class NodesRequest(Message):
    """Ask for the nodes of the cluster.  Answered by `NodesReport`."""

    crosses_nodes = True


class NodeRow(Message):
    """One node.  Part of `NodesReport`."""

    node: str
    state: MemberState
    is_self: bool = Field(description="this is the node that was asked")
    address: str
    priority: int = Field(description="lower is preferred as leader")
    cordoned: bool = Field(description="its services get no requests")
    cordon_reason: str = Field(default="", description="why it is cordoned; may be empty")
    capabilities: tuple[str, ...] = Field(description="e.g. 'docker', 'traefik'")
    agent_version: str = Field(description="empty: not known")
    services_healthy: int = Field(ge=0, description="as in `StatusReport`")
    services_total: int = Field(ge=0, description="as in `StatusReport`")
    changed_ago_s: float = Field(ge=0.0, description="how long it has been in `state`")


class NodesReport(Message):
    """Answer to `NodesRequest`: nodes in trouble first, then by name."""

    crosses_nodes = True

    nodes: tuple[NodeRow, ...]
    degraded: tuple[str, ...] = Field(default=(), description="as in `StatusReport`, of nodes")


class ServicesRequest(Message):
    """Ask for the services of the cluster.  Answered by `ServicesReport`."""

    crosses_nodes = True


class ServiceRow(Message):
    """One instance of a service.  Part of `ServicesReport`."""

    service: str
    node: str
    instance: str = Field(default="", description="its name, unique on its node")
    health: Health = Field(description="as its node reported last")
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
