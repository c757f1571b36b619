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
from actors.admin.keyring import KeyringDesk
from actors.admin.raft import RaftDesk
from actors.admin.record import RecordDesk
from actors.admin.shell import AdminShell
from actors.admin.status import StatusDesk
from constellation.cluster_view import ClusterView
from constellation.wire import encode
from messages.gossip import ClusterChanged
from messages.operator import OperatorRequest, Relayed, RequestRefused


class AdminActor(AdminShell):
    """Hand each message to the desk that handles it, and relay what other actors answer."""

    tick_interval_s = 0.1

    def on_start(self) -> None:
        super().on_start()
        record, raft = RecordDesk(self), RaftDesk(self)
        self.desks: tuple[Desk, ...] = (
            record,
            CordonDesk(self, record),
            ClusterDesk(self),
            StatusDesk(self, record, raft),
            KeyringDesk(self),
            raft,
        )
        self._desk_handlers = handlers_of(self.desks)
        self.follow_cluster()

    def on_actor_up(self, name: str) -> None:
        for desk in self.desks:
            desk.on_actor_up(name)

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        for desk in self.desks:
            desk.on_cluster_changed(before, change)

    def on_tick(self, now_s: float) -> None:
        super().on_tick(now_s)
        for desk in self.desks:
            desk.on_tick(now_s)

    def receiveUnrecognizedMessage(self, message: Any, sender: ActorAddress) -> None:
        """Find the desk, or the other actor, that handles what the shell itself does not."""
        handler = self._desk_handlers.get(type(message))
        if handler is not None:
            handler(message, sender)
        elif isinstance(message, OperatorRequest):
            self._relay(message, sender)
        else:
            super().receiveUnrecognizedMessage(message, sender)

    def _relay(self, request: OperatorRequest, sender: ActorAddress) -> None:
        self.count_request(request)
        if request.needs_cluster and not self.knows_cluster(sender):
            return
        relayed = Relayed(asker=self.address_text(sender), request=encode(request))
        if not self.post(request.answered_by, relayed):
            refusal = RequestRefused(
                what="this node cannot answer that now",
                why=f"its actor {request.answered_by} is not running",
                fix="retry in some seconds; `constellation status` shows the state of the actors",
            )
            self.send(sender, refusal)
