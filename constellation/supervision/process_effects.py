"""What a core may ask of an actor that is the parent of others, each known by a name.

A child has a process of its own, or lives in a host with others, which has a name of its own kind.
"""

from __future__ import annotations

from constellation.value import Value
from messages.base import Message


class Create(Value):
    """Effect: create the actor `name`, in the host `host`, which is created if it does not run."""

    name: str
    host: str = ""  # empty: in a process of its own


class Tell(Value):
    """Effect: send `message` to `name`."""

    name: str
    message: Message


class End(Value):
    """Effect: tell `name` to end; or kill its process, if that does not listen any more."""

    name: str
    by_force: bool = False


class PingHost(Value):
    """Effect: ask a host whether it, and all in it, still handle messages."""

    host: str


class EndHost(Value):
    """Effect: tell a host to end; or kill it, if it does not listen any more."""

    host: str
    by_force: bool = False


ProcessEffect = Create | Tell | End | PingHost | EndHost
