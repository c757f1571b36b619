"""Messages of the operator about the status of the nodes and their cordons.

The fields of the reports are also what `constellation ... --json` prints.
"""

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.gossip import CORDON_REASON_CHARACTERS_MAX, IngressState
from messages.lifecycle import ActorStatus
from messages.raft_member import RaftStatus
from messages.raft_reports import HeldLease
from messages.routes import RoutesHealth
from messages.wellness import Trouble

# 'absent': not seen since the agent started; 'lost': it was present, and is gone.
PartState = Literal["present", "absent", "lost"]
CORDONED = "its services get no requests"


class StatusRequest(Message):
    """Ask for the status of the cluster.  Answered by `StatusReport`."""

    crosses_nodes = True


class NodeStatusRequest(Message):
    """Ask another node's admin actor for the status of its node.  Answered by `NodeStatus`."""

    crosses_nodes = True


class PartReported(Message):
    """Report the state of a part of this host that an actor uses.  Sent to `admin`.  No answer."""

    part: str = Field(min_length=1, max_length=64, description="e.g. 'docker'")
    state: PartState
    why: str = Field(default="", max_length=512)
    fix: str = Field(default="", max_length=512)


class IngressReported(Message):
    """Report whether requests from outside get to the Traefik of this host.

    Sent to `admin`, which publishes it.  No answer.
    """

    ingress: IngressState


class NodeStatus(Message):
    """The status of one node, reported by itself.  Answer to `NodeStatusRequest`."""

    crosses_nodes = True

    node: str
    agent_version: str
    uptime_s: float = Field(ge=0.0, description="since its agent started")
    actors: tuple[ActorStatus, ...] = Field(description="in the order of their start")
    parts: tuple[PartReported, ...] = Field(
        default=(), description="the parts that are absent or lost"
    )
    troubles: tuple[Trouble, ...] = Field(
        default=(), description="what else does not work, the worst first"
    )
    troubles_unlisted: int = Field(default=0, ge=0, description="further troubles")
    raft: RaftStatus | None = Field(
        default=None, description="of its Raft actor; None: it did not answer in time"
    )
    routes: RoutesHealth | None = Field(
        default=None, description="of its HTTP actor; None: it did not answer in time"
    )


class StatusReport(Message):
    """Answer to `StatusRequest`: the cluster as the asked node knows it."""

    crosses_nodes = True

    self_node: str = Field(description="the node that was asked")
    is_cluster_known: bool = Field(
        default=True, description="false: the report is about the asked node only"
    )
    nodes_alive: int = Field(ge=0, description="without suspects")
    nodes_total: int = Field(ge=0, description="without those that left")
    services_healthy: int = Field(ge=0, description="instances that get requests")
    services_total: int = Field(
        ge=0,
        description="instances that should run: not stopped or stopping, nor on a node that left",
    )
    degraded: tuple[str, ...] = Field(
        description="what to act on, for people, the worst first; empty: nothing"
    )
    notes: tuple[str, ...] = Field(
        default=(), description="what is worth knowing and needs no action, for people"
    )
    absent: tuple[str, ...] = Field(
        default=(), description="optional parts of hosts that are not there, for people"
    )
    nodes: tuple[NodeStatus, ...] = Field(description="of the nodes that answered, by name")
    unanswered: tuple[str, ...] = Field(description="living nodes whose admin actor did not answer")
    leader: str = Field(default="", description="the leader of Raft; empty: none is known")
    leases: tuple[HeldLease, ...] = Field(
        default=(), description="the leases that are held, by name"
    )


class CordonOrder(Message):
    """Order that a node be cordoned or uncordoned.  To `admin` of any node.

    Answered by `CordonReport`, or by `RequestRefused`.
    """

    crosses_nodes = True

    node: str = Field(min_length=1, max_length=128)
    cordoned: bool = Field(description="false: uncordon it")
    reason: str = Field(
        default="",
        max_length=CORDON_REASON_CHARACTERS_MAX,
        description="for people; empty: the present one stays, if any",
    )


class CordonChange(Message):
    """Pass an operator's order to the admin actor of `node`, which carries it out.

    Answered by `CordonChanged`.
    """

    crosses_nodes = True

    number: int = Field(ge=0, description="of the order, for the node that passes it on")
    node: str = Field(min_length=1, max_length=128)
    cordoned: bool = Field(description="as in `CordonOrder`")
    reason: str = Field(default="", max_length=CORDON_REASON_CHARACTERS_MAX)


class CordonChanged(Message):
    """Answer to `CordonChange`: the state of the node now, which survives a restart."""

    crosses_nodes = True

    number: int = Field(ge=0, description="of the order")
    node: str
    cordoned: bool = Field(description=CORDONED)
    reason: str = Field(default="", max_length=CORDON_REASON_CHARACTERS_MAX)
    was_already: bool = Field(description="it was in this state before")
    why: str = Field(
        default="", max_length=512, description="why the order failed; empty: it did not"
    )
    fix: str = Field(default="", max_length=512, description="what to do about it")


class CordonReport(Message):
    """Answer to `CordonOrder`: the state of the node, and what follows for requests."""

    crosses_nodes = True

    node: str
    cordoned: bool = Field(description=CORDONED)
    reason: str = Field(default="", max_length=CORDON_REASON_CHARACTERS_MAX)
    was_already: bool = Field(description="it was in this state before")
    services: tuple[str, ...] = Field(
        description="those with a healthy instance on it, by name: they get no requests there "
        "while it is cordoned"
    )
    instances_total: int = Field(ge=0, description="the healthy instances of these services on it")
    sole_services: tuple[str, ...] = Field(
        description="those of them that are healthy nowhere else: their requests fail while it is "
        "cordoned"
    )
