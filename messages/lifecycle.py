"""Messages of one actor's life: being started, finding its neighbours, being watched."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from messages.base import Message

ActorState = Literal["starting", "running", "backing_off", "given_up", "stopped"]


class ActorStart(Message):
    """Tell a new actor its name on this node.  Answered by `ActorStarted`."""

    name: str = Field(min_length=1, description="unique on the node, e.g. 'gossip'")
    supervisor: str = Field(description="address of the node supervisor, 'host:port/id'")


class ActorStarted(Message):
    """Answer to `ActorStart`: the actor works and may be sent anything."""

    name: str
    process_id: int = Field(ge=1)


class DirectoryEntry(Message):
    """Where one actor of this node is.  Part of `ActorDirectory`."""

    name: str
    address: str = Field(description="'host:port/id'; another one after a restart")


class ActorDirectory(Message):
    """State which actors of this node run now, and where.  Sent on every change.  No answer."""

    entries: tuple[DirectoryEntry, ...]


class ActorPing(Message):
    """Ask whether the actor still takes messages.  Answered by `ActorPong`."""

    seq_no: int = Field(ge=0)


class ActorPong(Message):
    """Answer to `ActorPing`."""

    name: str
    seq_no: int = Field(ge=0)


class SupervisorStart(Message):
    """Tell a new supervisor to bring up the node's actors.  Answered by `SupervisorStarted`."""


class SupervisorStarted(Message):
    """State that every actor of the node works.  Answer to `SupervisorStart`."""

    actors: tuple[str, ...]


class SupervisorStop(Message):
    """Tell the supervisor to take leave of the cluster and end the node's actors.

    Answered by `SupervisorStopped`.
    """


class SupervisorStopped(Message):
    """Answer to `SupervisorStop`: no actor runs any more, or those named would not end."""

    unended: tuple[str, ...] = ()


class SupervisorFailed(Message):
    """State that an essential actor stays down.  Sent once; the guardian ends the agent.

    No answer.
    """

    actor: str
    why: str


class ActorYield(Message):
    """Tell an actor to hand over what another node can do from now on: this node ends.

    Answered by `ActorYielded`.
    """


class ActorYielded(Message):
    """Answer to `ActorYield`: it is handed over, or there was nothing, or nobody to take it."""

    name: str


class SupervisorStatusRequest(Message):
    """Ask the supervisor what it has done.  Answered by `SupervisorStatus`."""


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
