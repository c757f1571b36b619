"""Admin actor: a list of desks, each of which answers for one subject.

A request that another actor answers (`OperatorRequest`) is relayed there, and the answer goes
straight to who asked: a feature adds such requests without a change here.
"""

from __future__ import annotations

from typing import Any

from thespian.actors import ActorAddress

from actors.admin.cluster import ClusterDesk
from actors.admin.cordon import CordonDesk
from actors.admin.desk import Desk, handlers_of
from actors.admin.explain import ExplainDesk
from actors.admin.gathering import GatheringDesk
from actors.admin.keyring import KeyringDesk
from actors.admin.leases import LeaseDesk
from actors.admin.raft import RaftDesk
from actors.admin.record import RecordDesk
from actors.admin.shell import AdminShell
from actors.admin.status import StatusDesk
from constellation.cluster_view import ClusterView
from messages.gossip import ClusterChanged
from messages.operator import OperatorRequest


class AdminActor(AdminShell):
    """Hand each message to the desk that handles it, and relay what other actors answer."""

    def on_start(self) -> None:
        super().on_start()
        record, leases = RecordDesk(self), LeaseDesk(self)
        gathering = GatheringDesk(self, record, leases)
        self.desks: tuple[Desk, ...] = (
            record,
            leases,
            gathering,
            CordonDesk(self, record),
            ClusterDesk(self, gathering),
            StatusDesk(self, gathering, leases),
            KeyringDesk(self),
            RaftDesk(self, gathering),
            ExplainDesk(self, gathering, leases),
        )
        self._desk_handlers = handlers_of(self.desks)
        self.follow_cluster()

    def on_actor_up(self, name: str) -> None:
        for desk in self.desks:
            desk.on_actor_up(name)

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        for desk in self.desks:
            desk.on_cluster_changed(before, change)

    def next_due_s(self) -> float:
        return min(desk.next_due_s() for desk in self.desks)

    def on_due(self, now_s: float) -> None:
        for desk in self.desks:
            desk.on_due(now_s)

    def receiveUnrecognizedMessage(self, message: Any, sender: ActorAddress) -> None:
        """Find the desk, or the other actor, that handles what the shell itself does not."""
        handler = self._desk_handlers.get(type(message))
        if handler is not None:
            handler(message, sender)
        elif isinstance(message, OperatorRequest):
            self.count_request(message)
            self.relay(message, sender)
        else:
            super().receiveUnrecognizedMessage(message, sender)
