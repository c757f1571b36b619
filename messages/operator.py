"""What requests of operators have in common: who answers them, and how they are refused.

A feature adds a request of its own as a subclass of `OperatorRequest` that names the answering
actor.  The admin actor relays it there, and the actor's handler answers the sender, as always:

    class RoutesRequest(OperatorRequest):
        answered_by = "http"
"""

from typing import ClassVar

from pydantic import Field

from messages.base import Message


class OperatorRequest(Message):
    """Base of the requests that the admin actor relays to another actor of its node."""

    is_abstract = True
    crosses_nodes = True

    answered_by: ClassVar[str]  # the name of an actor
    needs_cluster: ClassVar[bool] = False  # refused until this node has a view of the cluster


class Relayed(Message):
    """Bring an operator's request to the actor that answers it.

    The shell of that actor handles `request` as if it had come from `asker`.  No answer of its own.
    """

    asker: str = Field(description="address of the actor or command that waits for the answer")
    request: bytes = Field(description="an `OperatorRequest`, encoded as on the wire")


class ActorAbsent(Message):
    """Answer of a node to a command: the actor that it asked does not run, so nothing was done."""

    crosses_nodes = True


class RequestRefused(Message):
    """Answer to a request that cannot be served: what failed, why, and what to do."""

    crosses_nodes = True

    what: str
    why: str
    fix: str
