"""Messages of one actor's life: being started, finding its neighbours, being watched."""

from typing import Literal

from pydantic import Field

from messages.base import Message

ActorState = Literal["starting", "running", "backing_off", "given_up", "stopped"]


class ActorStart(Message):
    """Give a new actor its name on this node.  Answered by `ActorStarted`."""

    name: str = Field(min_length=1, description="unique on the node, e.g. 'gossip'")
    supervisor: str = Field(description="address of the node supervisor, 'host:port/id'")


class HostedActorCreate(Message):
    """Tell a host to start an actor beside itself, as a child of the sender.  No answer."""

    actor_class: str = Field(description="'module.class', which the process has loaded")
    address: str = Field(description="of the new actor, 'host:port/id'; an address of the host")


class ActorStarted(Message):
    """Answer to `ActorStart`: the actor runs and accepts messages."""

    name: str
    process_id: int = Field(ge=1)


class DirectoryEntry(Message):
    """Where one actor of this node is.  Part of `ActorDirectory`."""

    name: str
    address: str = Field(description="'host:port/id'; another one after a restart")


class ActorDirectory(Message):
    """List the running actors of this node with their addresses, on every change.  No answer."""

    entries: tuple[DirectoryEntry, ...]


class ActorPing(Message):
    """Ask whether the actor still handles messages.  Answered by `ActorPong`."""

    seq_no: int = Field(ge=0)


class ActorPong(Message):
    """Answer to `ActorPing`."""

    name: str
    seq_no: int = Field(ge=0)


class SupervisorStart(Message):
    """Ask a new supervisor to start the node's actors.  Answered by `SupervisorStarted`."""


class SupervisorStarted(Message):
    """State that every actor of the node runs.  Answer to `SupervisorStart`."""

    actors: tuple[str, ...]


class SupervisorStop(Message):
    """Ask the supervisor to leave the cluster and end the node's actors.

    Answered by `SupervisorStopped`.
    """


class SupervisorStopped(Message):
    """Answer to `SupervisorStop`: all actors have ended, except those in `unended`."""

    unended: tuple[str, ...] = ()


class SupervisorFailed(Message):
    """State that an essential actor stays down.  Sent once; the guardian ends the agent.

    No answer.
    """

    actor: str
    why: str


class ActorYield(Message):
    """Ask an actor to hand over to another node what it can: this node stops.

    Answered by `ActorYielded`.
    """


class ActorYielded(Message):
    """Answer to `ActorYield`: it has handed over, had nothing to, or no other node can take it."""

    name: str


class SupervisorStatusRequest(Message):
    """Ask the supervisor for the state of each actor.  Answered by `SupervisorStatus`."""


class ActorStatus(Message):
    """One actor of this node as its supervisor sees it.  Part of `SupervisorStatus`."""

    name: str
    state: ActorState
    process_id: int = Field(ge=0, description="0 while there is no process")
    restart_count: int = Field(ge=0, description="restarts since the node started")
    last_exit: str = Field(default="", description="why it was restarted last; empty if never")
    down_for_s: float = Field(
        default=0.0, ge=0.0, description="0 while it runs; else since it last ran for 10 s"
    )
    next_try_in_s: float = Field(
        default=0.0, ge=0.0, description="until it is started again; 0 if nothing is waited for"
    )


class SupervisorStatus(Message):
    """Answer to `SupervisorStatusRequest`."""

    actors: tuple[ActorStatus, ...]
