"""Messages of gossip: publish this node's records, and follow those of the cluster."""

from typing import Annotated, Literal

from pydantic import Field

from messages.base import Message
from messages.monitor import ServiceState
from messages.warp import WarpState

RecordKind = Literal["node", "service", "warp"]
MemberState = Literal["alive", "suspect", "dead", "left"]
MemberEventKind = Literal["join", "leave", "update", "failed"]
IngressState = Literal["works", "fails", "unknown"]
ServicesScope = Literal["all", "own", "none"]  # those of this node: own
CORDON_REASON_CHARACTERS_MAX = 200
FORMER_NAMES_MAX = 4
NODE_NAME_CHARACTERS_MAX = 128
PUBLIC_ADDRESSES_MAX = 8
PUBLIC_ADDRESS_CHARACTERS_MAX = 253
ADDRESS_CHARACTERS_MAX = 64  # an IPv6 address has up to 45


class NodeState(Message):
    """The state of a node, as it publishes it by gossip."""

    address: str = Field(
        max_length=ADDRESS_CHARACTERS_MAX,
        description="the IP address at which other nodes reach it",
    )
    gossip_port: int = Field(ge=1, le=65535)
    actor_port: int = Field(ge=1, le=65535, description="port of its actor system, same address")
    ingress_port: int = Field(default=0, ge=0, le=65535, description="of its Traefik; 0: none")
    priority: int = Field(default=100, ge=0, description="lower is preferred as leader")
    cordoned: bool = Field(default=False, description="it must get no requests")
    cordon_reason: str = Field(
        default="",
        max_length=CORDON_REASON_CHARACTERS_MAX,
        description="the reason that its operator gave; for people only",
    )
    capabilities: tuple[str, ...] = Field(default=(), description="e.g. 'docker', 'traefik'")
    agent_version: str = ""
    cluster_id: str = Field(
        default="", max_length=64, description="of its Raft cluster; empty: none yet"
    )
    witness: bool = Field(default=False, description="it votes, and leads only if no other can")
    former_names: tuple[Annotated[str, Field(max_length=NODE_NAME_CHARACTERS_MAX)], ...] = Field(
        default=(),
        max_length=FORMER_NAMES_MAX,
        description="other values of node_name that this data_dir had",
    )
    started_at_utc_s: float = Field(default=0.0, description="Unix seconds; for people only")
    ingress: IngressState = Field(
        default="unknown",
        description="whether requests from outside get to its Traefik; 'unknown': it has none, or "
        "it was not asked yet",
    )
    public_addresses: tuple[
        Annotated[str, Field(max_length=PUBLIC_ADDRESS_CHARACTERS_MAX)], ...
    ] = Field(
        default=(),
        max_length=PUBLIC_ADDRESSES_MAX,
        description="IP addresses at which the world reaches it, or one host name; none: not known",
    )


class StateRecord(Message):
    """One author-owned record: only node `node` may write it, the higher version wins.

    The version is the pair (`incarnation`, `counter`); a record without a value is a tombstone.
    """

    kind: RecordKind
    node: str = Field(min_length=1, max_length=128, description="the author")
    key: str = Field(max_length=128, description="instance or gateway name; empty for the node")
    incarnation: int = Field(ge=0, description="of the author; grows with each of its lives")
    counter: int = Field(ge=0, description="grows with each change in one life of the author")
    node_state: NodeState | None = None
    service_state: ServiceState | None = None
    warp_state: WarpState | None = None


class RecordPublish(Message):
    """Ask gossip to publish records of this node; gossip assigns their versions.

    Publishing an unchanged record again costs nothing.  No answer.
    """

    node_state: NodeState | None = None
    service_states: tuple[ServiceState, ...] = ()
    warp_states: tuple[WarpState, ...] = ()


class RecordWithdraw(Message):
    """Ask gossip to replace one of this node's records by a tombstone.  No answer."""

    kind: RecordKind
    key: str


class ClusterSubscribe(Message):
    """Ask gossip for the cluster state, and for every change from then on.

    Answered by `ClusterChanged` with `snapshot` set, then without, in order of `version`.
    """

    services: ServicesScope = Field(default="all", description="which instances the reader needs")


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
    """An instance on a named node.  Part of `ClusterChanged`."""

    node: str
    state: ServiceState


class NodeWarpState(Message):
    """A WARP gateway on a named node.  Part of `ClusterChanged`."""

    node: str
    state: WarpState


class NamedNodeState(Message):
    """The state of a named node.  Part of `ClusterChanged`."""

    node: str
    state: NodeState


class RecordName(Message):
    """The id of a removed record.  Part of `ClusterChanged`."""

    kind: RecordKind
    node: str
    key: str


class MemberEvent(Message):
    """What happened to a member, as this node learned it.  Part of `ClusterChanged`."""

    kind: MemberEventKind
    node: str
    ago_s: float = Field(ge=0.0, description="age when sent")


class ClusterChanged(Message):
    """State what changed in the cluster, as this node sees it.  No answer.

    With `snapshot` the lists are complete; without, they are the changes since `version - 1`.  A
    reader that misses a version subscribes again.
    """

    version: int = Field(ge=0, description="local to this node's gossip, counts changes")
    snapshot: bool
    self_node: str
    members: tuple[ClusterMember, ...] = ()
    departed_members: tuple[str, ...] = Field(default=(), description="members that were forgotten")
    nodes: tuple[NamedNodeState, ...] = ()
    services: tuple[NodeServiceState, ...] = ()
    warps: tuple[NodeWarpState, ...] = ()
    removed: tuple[RecordName, ...] = ()
    events: tuple[MemberEvent, ...] = Field(default=(), description="in order; a snapshot has none")


class GossipLeave(Message):
    """Ask gossip to leave the cluster, so that peers see a leave and not a failure.

    Answered by `GossipLeft`.
    """


class GossipLeft(Message):
    """Answer to `GossipLeave`: the leave was sent, or there was no peer to send it to."""
