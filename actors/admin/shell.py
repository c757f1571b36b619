"""What all of the admin actor rests on: the cluster as seen from here, and who may say what."""

from __future__ import annotations

from prometheus_client import Counter
from thespian.actors import ActorAddress

from actors import node
from actors.shell import ShellActor
from constellation.cluster_view import ClusterView
from constellation.peers import find_peers
from messages.admin import RequestRefused
from messages.base import Message


class AdminShell(ShellActor):
    """Base of the admin actor."""

    def on_start(self) -> None:
        self._own_name = node.settings().node_name
        self.view = ClusterView()
        self._requests = Counter(
            "constellation_admin_requests",
            "Questions of operators and of other nodes",
            ["kind"],
            registry=self.registry,
        )
        self._unanswered = Counter(
            "constellation_admin_unanswered",
            "Nodes that did not say in time how they are, for each operator who asked",
            registry=self.registry,
        )
        self._unexpected = Counter(
            "constellation_admin_unexpected_answers",
            "Answers that were not owed, or not from the node they are about",
            registry=self.registry,
        )

    def _speaks_for(self, name: str, sender: ActorAddress) -> bool:
        """Return whether `sender` is on the node called `name`."""
        settings = node.settings()
        addresses = {
            **find_peers(self.view).addresses,
            self._own_name: (settings.bind_address, settings.actors.port),
        }
        return bool(addresses.get(name) == sender.addressDetails.node)

    def _is_known(self, message: Message, sender: ActorAddress) -> bool:
        """Return whether there is something to say; refuse if not."""
        self._requests.labels(type(message).__name__).inc()
        if self.view.known:
            return True
        refusal = RequestRefused(
            what="this node cannot say anything of the cluster yet",
            why="its gossip is only starting",
            fix="ask again in a second; if that lasts, see the agent's log",
        )
        self.send(sender, refusal)
        return False
