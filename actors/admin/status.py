"""The status of this node, from its supervisor, and of all others, from their admin actors.

It is answered in any case: without a view of the cluster it is about this node alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from thespian.actors import ActorAddress

from actors import node
from actors.admin.desk import Desk
from actors.admin.raft import RaftDesk
from actors.admin.record import RecordDesk
from actors.admin.shell import AdminShell
from constellation import __version__
from constellation.admin.reports import status_report
from constellation.admin.round import Ask, Completed, Effect, Round, TooMany, Unexpected
from constellation.log import get_logger
from messages.admin import NodeStatus, NodeStatusRequest, StatusRequest
from messages.lifecycle import SupervisorStatus, SupervisorStatusRequest
from messages.operator import RequestRefused

log = get_logger(__name__)

TIMEOUT_S = 1.0
ASK_AGAIN_S = 5.0

_Scope = Literal["cluster", "own"]
_Effects = Iterable[Effect[str, _Scope, NodeStatus]]


class StatusDesk(Desk):
    """Ask all living nodes, and join their answers."""

    def __init__(self, shell: AdminShell, record: RecordDesk, raft: RaftDesk) -> None:
        super().__init__(shell)
        self._record = record
        self._raft = raft
        self._round = Round[str, _Scope, NodeStatus](timeout_s=TIMEOUT_S, ask_again_s=ASK_AGAIN_S)

    def on_tick(self, now_s: float) -> None:
        self._perform(self._round.tick(now_s))

    # Requests.

    def receiveMsg_StatusRequest(self, message: StatusRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        view = self.shell.view
        nodes = {self.shell.own_node, *filter(view.is_living, view.members)}
        self._begin(sender, "cluster", nodes)

    def receiveMsg_NodeStatusRequest(
        self, message: NodeStatusRequest, sender: ActorAddress
    ) -> None:
        self.shell.count_request(message)
        self._begin(sender, "own", [self.shell.own_node])

    def _begin(self, sender: ActorAddress, scope: _Scope, nodes: Iterable[str]) -> None:
        asker = self.shell.address_text(sender)
        self._perform(self._round.begin(asker, scope, nodes, self.shell.now_s()))

    # Answers.

    def receiveMsg_SupervisorStatus(self, message: SupervisorStatus, sender: ActorAddress) -> None:
        status = NodeStatus(
            node=self.shell.own_node,
            agent_version=__version__,
            uptime_s=max(0.0, datetime.now(UTC).timestamp() - node.started_at_utc_s()),
            actors=message.actors,
            parts=self._record.not_present,
            troubles=self._record.troubles,
            troubles_unlisted=self._record.troubles_unlisted,
        )
        self._perform(self._round.answered(status.node, status, self.shell.now_s()))

    def receiveMsg_NodeStatus(self, message: NodeStatus, sender: ActorAddress) -> None:
        if self.shell.is_at(message.node, sender):
            self._perform(self._round.answered(message.node, message, self.shell.now_s()))
        else:
            self.shell.unexpected.inc()

    def receiveMsg_RequestRefused(self, message: RequestRefused, sender: ActorAddress) -> None:
        log.info("node_status_refused", by=self.shell.address_text(sender), why=message.why)

    # Effects.

    def _perform(self, effects: _Effects) -> None:
        for effect in effects:
            match effect:
                case Ask(nodes):
                    self._ask(nodes)
                case Completed(asker, "cluster", statuses, unanswered):
                    self.shell.unanswered.inc(len(unanswered))
                    self._report(asker, statuses.values(), unanswered)
                case Completed(asker, _, statuses):
                    for status in statuses.values():  # without one, the asker has given up too
                        self.shell.answer(asker, status)
                case TooMany(asker, limit):
                    self.shell.answer(asker, _too_many(limit))
                case Unexpected():
                    self.shell.unexpected.inc()

    def _ask(self, nodes: Iterable[str]) -> None:
        for name in nodes:
            if name == self.shell.own_node:
                if self.shell.supervisor is not None:
                    self.shell.send(self.shell.supervisor, SupervisorStatusRequest())
            elif not self.shell.send_to(name, "admin", NodeStatusRequest()):
                self._perform(self._round.unreachable(name, self.shell.now_s()))

    def _report(
        self, asker: str, statuses: Iterable[NodeStatus], unanswered: tuple[str, ...]
    ) -> None:
        report = status_report(
            self.shell.view,
            statuses,
            unanswered,
            self._raft.leases,
            own_node=self.shell.own_node,
            cluster_problem=self.shell.cluster_problem(),
        )
        self.shell.answer(asker, report)


def _too_many(limit: int) -> RequestRefused:
    return RequestRefused(
        what="this node takes no more requests for its status now",
        why=f"{limit} of them wait for an answer",
        fix="retry in a second",
    )
