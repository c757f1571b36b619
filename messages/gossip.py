"""Messages of gossip: publishing this node's records, and following the whole cluster's."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message
from messages.monitor import ServiceState
from messages.warp import WarpState

RecordKind = Literal["node", "service", "warp"]
MemberState = Literal["alive", "suspect", "dead", "left"]
MemberEventKind = Literal["join", "leave", "update", "failed"]
CORDON_REASON_CHARACTERS_MAX = 200


class NodeState(Message):
    """What a node says of itself.  Travels by gossip."""

    address: str = Field(description="where the node is reached, an IP address")
    gossip_port: int = Field(ge=1, le=65535)
    actor_port: int = Field(ge=1, le=65535, description="port of its actor system, same address")
    ingress_port: int = Field(default=0, ge=0, le=65535, description="its Traefik; 0: none")
    priority: int = Field(default=100, ge=0, description="lower is preferred as leader")
    cordoned: bool = Field(default=False, description="it asks not to be given requests")
    cordon_reason: str = Field(
        default="",
        max_length=CORDON_REASON_CHARACTERS_MAX,
        description="why, in its operator's words; for people only",
    )
    capabilities: tuple[str, ...] = Field(default=(), description="e.g. 'docker', 'traefik'")
    agent_version: str = ""
    cluster_id: str = Field(
        default="", max_length=64, description="of its Raft cluster; empty: of none yet"
    )
    witness: bool = Field(default=False, description="it votes, and leads only if no other can")
    started_at_utc_s: float = Field(default=0.0, description="Unix seconds; for people only")


class StateRecord(Message):
    """One author-owned record: only node `node` may write it, the higher version wins.

    The version is the pair (`incarnation`, `counter`); a record without a value is a tombstone.
    """

    kind: RecordKind
    node: str = Field(min_length=1, max_length=128, description="the author")
    key: str = Field(max_length=128, description="service or gateway name; empty for the node")
    incarnation: int = Field(ge=0, description="the author's, grows with each of its lives")
    counter: int = Field(ge=0, description="grows with each change in one life of the author")
    node_state: NodeState | None = None
    service_state: ServiceState | None = None
    warp_state: WarpState | None = None


class RecordPublish(Message):
    """Ask gossip to publish this node's records.  `incarnation` and `counter` are gossip's.

    Repeating an unchanged record costs nothing: gossip compares.  No answer.
    """

    node_state: NodeState | None = None
    service_states: tuple[ServiceState, ...] = ()
    warp_states: tuple[WarpState, ...] = ()


class RecordWithdraw(Message):
    """Ask gossip to replace one of this node's records by a tombstone.  No answer."""

    kind: RecordKind
    key: str


class ClusterSubscribe(Message):
    """Ask gossip for the cluster state now and for every change after.

    Answered by `ClusterChanged` with `snapshot` set, then without, in order of `version`.
    """


class ClusterMember(Message):
    """One member as this node's failure detector sees it.  Part of `ClusterChanged`."""

    node: str
    state: MemberState
    address: str
    port: int = Field(ge=0, le=65535)
    incarnation: int = Field(ge=0)
    is_self: bool = False
    changed_ago_s: float = Field(default=0.0, ge=0.0, description="age of `state` when sent")


class NodeServiceState(Message):
    """A service on a named node.  Part of `ClusterChanged`."""

    node: str
    state: ServiceState


class NodeWarpState(Message):
    """A WARP gateway on a named node.  Part of `ClusterChanged`."""

    node: str
    state: WarpState


class NamedNodeState(Message):
    """What a named node says of itself.  Part of `ClusterChanged`."""

    node: str
    state: NodeState


class RecordName(Message):
    """Which record is gone.  Part of `ClusterChanged`."""

    kind: RecordKind
    node: str
    key: str


class MemberEvent(Message):
    """What happened to a member, as this node came to know it.  Part of `ClusterChanged`."""

    kind: MemberEventKind
    node: str
    ago_s: float = Field(ge=0.0, description="age when sent")


class ClusterChanged(Message):
    """State what is new in the cluster, as this node sees it.  No answer.

    With `snapshot` the lists are everything, and what is missing is gone; without, they are
    the changes since `version - 1`.  A reader that sees a gap subscribes again.
    """

    version: int = Field(ge=0, description="local to this node's gossip, counts changes")
    snapshot: bool
    self_node: str
    members: tuple[ClusterMember, ...] = ()
    departed_members: tuple[str, ...] = Field(default=(), description="forgotten altogether")
    nodes: tuple[NamedNodeState, ...] = ()
    services: tuple[NodeServiceState, ...] = ()
    warps: tuple[NodeWarpState, ...] = ()
    removed: tuple[RecordName, ...] = ()
    events: tuple[MemberEvent, ...] = Field(
        default=(), description="in order; with `snapshot` none, whatever happened before"
    )


class GossipLeave(Message):
    """Ask gossip to leave the cluster, so that others see a leave and no failure.

    Answered by `GossipLeft`.
    """


class GossipLeft(Message):
    """Answer to `GossipLeave`: the leave was told to the others, or nobody was there."""
