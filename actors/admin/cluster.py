"""The nodes, the services and the recent events of the cluster."""

from __future__ import annotations

from collections.abc import Mapping

from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.gathering import GatheringDesk
from actors.admin.shell import AdminShell
from constellation.admin.history import History
from constellation.admin.reports import nodes_report, services_report
from constellation.cluster_view import ClusterView
from constellation.peers import states_since_s
from constellation.wellness.facts import Facts
from messages.events import ChangeReported, EventsRequest
from messages.gossip import ClusterChanged
from messages.listings import NodesRequest, ServicesRequest


class ClusterDesk(Desk):
    """Answer from the view of the cluster, and from the history of its changes."""

    def __init__(self, shell: AdminShell, gathering: GatheringDesk) -> None:
        super().__init__(shell)
        self._gathering = gathering
        self._history = History(shell.now_s())
        self._since_s: Mapping[str, float] = {}  # when each member's state began

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        now_s = self.shell.now_s()
        self._history.add_cluster_change(before, change, now_s)
        self._since_s = states_since_s(self._since_s, change, now_s)

    def receiveMsg_ChangeReported(self, message: ChangeReported, sender: ActorAddress) -> None:
        self._history.add_report(message, self.shell.now_s())

    def receiveMsg_NodesRequest(self, message: NodesRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        if self.shell.knows_cluster(sender):
            asker = self.shell.address_text(sender)
            self._gathering.gather(asker, lambda facts: self._report_nodes(asker, facts))

    def _report_nodes(self, asker: str, facts: Facts) -> None:
        now_s = self.shell.now_s()
        ages_s = {name: now_s - since_s for name, since_s in self._since_s.items()}
        self.shell.answer(asker, nodes_report(facts, ages_s))

    def receiveMsg_ServicesRequest(self, message: ServicesRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        if self.shell.knows_cluster(sender):
            asker = self.shell.address_text(sender)
            self._gathering.gather(
                asker, lambda facts: self.shell.answer(asker, services_report(facts))
            )

    def receiveMsg_EventsRequest(self, message: EventsRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        self.shell.send(sender, self._history.report(self.shell.now_s()))
