"""The nodes, the services and the recent events of the cluster, answered at once."""

from __future__ import annotations

from collections.abc import Mapping

from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.shell import AdminShell
from constellation.admin.history import History
from constellation.admin.reports import nodes_report, services_report
from constellation.cluster_view import ClusterView
from constellation.peers import states_since_s
from messages.admin import NodesRequest, ServicesRequest
from messages.events import ChangeReported, EventsRequest
from messages.gossip import ClusterChanged


class ClusterDesk(Desk):
    """Answer from the view of the cluster, and from the history of its changes."""

    def __init__(self, shell: AdminShell) -> None:
        super().__init__(shell)
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
            now_s = self.shell.now_s()
            ages_s = {name: now_s - since_s for name, since_s in self._since_s.items()}
            problem = self.shell.cluster_problem()
            report = nodes_report(self.shell.view, ages_s, cluster_problem=problem)
            self.shell.send(sender, report)

    def receiveMsg_ServicesRequest(self, message: ServicesRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        if self.shell.knows_cluster(sender):
            problem = self.shell.cluster_problem()
            self.shell.send(sender, services_report(self.shell.view, cluster_problem=problem))

    def receiveMsg_EventsRequest(self, message: EventsRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        self.shell.send(sender, self._history.report(self.shell.now_s()))
