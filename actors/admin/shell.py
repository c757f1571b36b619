"""What all desks of the admin actor share: counters, refusals, and the state of its view."""

from __future__ import annotations

from prometheus_client import Counter
from thespian.actors import ActorAddress

from actors import node
from actors.shell import CLUSTER_ACTOR, ShellActor
from constellation.admin.words import duration
from constellation.metrics.names import label_value
from constellation.registry import turned_off
from constellation.wire import encode
from messages.base import Message
from messages.lifecycle import ActorDirectory
from messages.operator import OperatorRequest, Relayed, RequestRefused

STARTING = "its gossip actor is starting"
NOT_RUNNING = "its gossip actor is not running"


def _not_running(actor: str) -> RequestRefused:
    """Return the refusal of a request whose actor does not run, now or with these settings."""
    off = turned_off(actor, node.settings())
    if off is not None:
        return RequestRefused(
            what=f"{actor} is not used on this node",
            why=f"its actor {actor}, which {off.purpose}, is turned off",
            fix=f"set {off.turned_on_by} and restart the agent, or ask a node that has it",
        )
    return RequestRefused(
        what="this node cannot answer that now",
        why=f"its actor {actor} is not running",
        fix="retry in some seconds; `constellation status` shows the state of the actors",
    )


class AdminShell(ShellActor):
    """Base of the admin actor."""

    def on_start(self) -> None:
        self.own_node = node.settings().node_name
        self._view_is_old_since_s: float | None = self.now_s()  # None: gossip runs
        self.requests = Counter(
            "constellation_admin_requests",
            "Requests of operators and of other nodes",
            ["kind"],
            registry=self.registry,
        )
        self.unanswered = Counter(
            "constellation_admin_unanswered",
            "Nodes that did not report their status in time, for each operator who asked",
            registry=self.registry,
        )
        self.unexpected = Counter(
            "constellation_admin_unexpected_answers",
            "Answers that were not expected, or not from the node they are about",
            registry=self.registry,
        )

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        super().receiveMsg_ActorDirectory(message, sender)
        if CLUSTER_ACTOR in self.directory:
            self._view_is_old_since_s = None
        elif self._view_is_old_since_s is None:
            self._view_is_old_since_s = self.now_s()

    def count_request(self, message: Message) -> None:
        """Count a request, by its kind: `StatusRequest` is `status`."""
        self.requests.labels(label_value(type(message))).inc()

    def answer(self, asker: str, message: Message) -> None:
        """Send `message` to the asker with that address."""
        self.send(self.address_of(asker), message)

    def relay(self, request: OperatorRequest, sender: ActorAddress) -> None:
        """Let the actor that answers `request` answer `sender`."""
        if request.needs_cluster and not self.knows_cluster(sender):
            return
        relayed = Relayed(asker=self.address_text(sender), request=encode(request))
        if not self.post(request.answered_by, relayed):
            self.send(sender, _not_running(request.answered_by))

    # The cluster.

    def cluster_problem(self) -> str:
        """Return why the cluster is not known here, or known as it was; empty: it is known."""
        is_running = CLUSTER_ACTOR in self.directory
        if not self.view.known:
            why = STARTING if is_running else NOT_RUNNING
            return f"{self.own_node} does not know the cluster: {why}"
        if is_running:
            return ""
        since_s = self._view_is_old_since_s
        age = duration(0.0 if since_s is None else self.now_s() - since_s)
        return f"{self.own_node} knows the cluster as it was {age} ago: {NOT_RUNNING}"

    def knows_cluster(self, sender: ActorAddress) -> bool:
        """Return whether the cluster is known here; if not, refuse the request of `sender`."""
        if self.view.known:
            return True
        refusal = RequestRefused(
            what="this node cannot answer about the cluster",
            why=self.cluster_problem(),
            fix="retry in a second; `constellation status` shows the state of its actors",
        )
        self.send(sender, refusal)
        return False
