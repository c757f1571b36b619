"""The base of a desk: one subject that the admin actor answers for.

A desk has a handler `receiveMsg_<Message>` for each message it handles, a core that decides, and
the effects of that core to perform.  A new subject is a new desk in the list of the admin actor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from thespian.actors import ActorAddress

from actors.admin.shell import AdminShell
from constellation.cluster_view import ClusterView
from messages.base import REGISTRY, Message
from messages.gossip import ClusterChanged

Handler = Callable[[Any, ActorAddress], None]

_PREFIX = "receiveMsg_"


class Desk:
    """Base of all desks; what it overrides is called for every desk, in the order of the list."""

    def __init__(self, shell: AdminShell) -> None:
        self.shell = shell

    def on_actor_up(self, name: str) -> None:
        """Actor `name` of this node has started, or started again and knows nothing."""

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        """The view of the cluster was `before`, and has `change` applied now."""

    def next_due_s(self) -> float:
        """Return when `on_due` must be called next; inf: not at all."""
        return math.inf

    def on_due(self, now_s: float) -> None:
        """Do what is due."""


def handlers_of(desks: Iterable[Desk]) -> Mapping[type[Message], Handler]:
    """Return the handler of each message that a desk handles.

    Raises:
        ValueError: two desks handle one message.
    """
    handlers: dict[type[Message], Handler] = {}
    for desk in desks:
        for name in dir(desk):
            if name.startswith(_PREFIX):
                kind = REGISTRY[name.removeprefix(_PREFIX)]
                if kind in handlers:
                    raise ValueError(f"two desks handle {kind.__name__}")
                handlers[kind] = getattr(desk, name)
    return handlers
