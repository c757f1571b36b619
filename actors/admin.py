"""Admin actor: answers the operator, and says what this node is to the cluster."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import Counter
from thespian.actors import ActorAddress

from actors import node
from actors.adapters.parts import find_missing
from actors.shell import ShellActor
from constellation import __version__
from constellation.admin.reports import nodes_report, services_report, status_report
from constellation.admin.status_round import Answer, Ask, Effect, StatusRound, TooMany
from constellation.cluster_view import ClusterView
from constellation.log import get_logger
from constellation.transport.address import ActorRef
from messages.admin import (
    NodesRequest,
    NodeStatus,
    NodeStatusRequest,
    PartReported,
    RequestRefused,
    ServicesRequest,
    StatusRequest,
)
from messages.base import Message
from messages.gossip import ClusterChanged, ClusterSubscribe, NodeState, RecordPublish
from messages.lifecycle import SupervisorStatus, SupervisorStatusRequest

log = get_logger(__name__)

ADMIN = "@admin"  # whoever is a node's admin actor now
ROUND_AGE_MAX_S = 1.0
FROM_START = ("tailscale", "cloudflare")  # parts that no actor reports on


class AdminActor(ShellActor):
    """Translate requests to reports of the core, and its questions to messages."""

    tick_interval_s = 0.1

    def on_start(self) -> None:
        self.view = ClusterView()
        self.since_s: dict[str, float] = {}  # when each member's state began
        self.round = StatusRound()
        self.parts = {
            part.part: PartReported(part=part.part, state="absent", why=part.why, fix=part.fix)
            for part in find_missing(node.settings())
            if part.part in FROM_START
        }
        self._waiting_for_own: list[ActorAddress] = []
        self._requests = Counter(
            "constellation_admin_requests",
            "Questions of operators and of other nodes",
            ["kind"],
            registry=self.registry,
        )
        self._unexpected = Counter(
            "constellation_admin_unexpected_answers",
            "Answers that are not from the node they are about",
            registry=self.registry,
        )

    # The cluster, and this node in it.

    def on_actor_up(self, name: str) -> None:
        if name == "gossip":
            self.post("gossip", ClusterSubscribe())
            self._publish()

    def receiveMsg_ClusterChanged(self, message: ClusterChanged, sender: ActorAddress) -> None:
        had_gap = self.view.gap
        self.view = self.view.apply(message)
        if self.view.gap:
            if not had_gap:
                self.post("gossip", ClusterSubscribe())
            return
        now_s = self.now_s()
        if message.snapshot:
            self.since_s.clear()
        for member in message.members:
            self.since_s[member.node] = now_s - member.changed_ago_s
        for name in message.departed_members:
            self.since_s.pop(name, None)

    def receiveMsg_PartReported(self, message: PartReported, sender: ActorAddress) -> None:
        before = self.parts.get(message.part)
        self.parts[message.part] = message
        if before is None or before.state != message.state:
            self._publish()

    def _publish(self) -> None:
        settings = node.settings()
        capabilities = [name for name, part in self.parts.items() if part.state == "present"]
        if settings.traefik.ingress_port:
            capabilities.append("traefik")
        state = NodeState(
            address=settings.bind_address,
            gossip_port=settings.gossip.port,
            actor_port=settings.actors.port,
            ingress_port=settings.traefik.ingress_port,
            priority=settings.priority,
            capabilities=tuple(sorted(capabilities)),
            agent_version=__version__,
            started_at_utc_s=node.started_at_utc_s(),
        )
        self.post("gossip", RecordPublish(node_state=state))

    # The operator.

    def receiveMsg_NodesRequest(self, message: NodesRequest, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            now_s = self.now_s()
            ages_s = {name: now_s - since_s for name, since_s in self.since_s.items()}
            self.send(sender, nodes_report(self.view, ages_s))

    def receiveMsg_ServicesRequest(self, message: ServicesRequest, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            self.send(sender, services_report(self.view))

    def receiveMsg_StatusRequest(self, message: StatusRequest, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            asker = self.address_text(sender)
            self._perform(self.round.asked(asker, self._living(), self.now_s()))

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

    def _living(self) -> tuple[str, ...]:
        return tuple(name for name in self.view.members if self.view.is_living(name))

    # How this node is.

    def receiveMsg_NodeStatusRequest(
        self, message: NodeStatusRequest, sender: ActorAddress
    ) -> None:
        self._requests.labels("NodeStatusRequest").inc()
        if len(self._waiting_for_own) < self.round.askers_max and self.supervisor is not None:
            self._waiting_for_own.append(sender)
            self.send(self.supervisor, SupervisorStatusRequest())

    def receiveMsg_SupervisorStatus(self, message: SupervisorStatus, sender: ActorAddress) -> None:
        absent = (part for part in self.parts.values() if part.state != "present")
        status = NodeStatus(
            node=node.settings().node_name,
            agent_version=__version__,
            uptime_s=max(0.0, datetime.now(UTC).timestamp() - node.started_at_utc_s()),
            actors=message.actors,
            parts=tuple(sorted(absent, key=lambda part: part.part)),
        )
        waiting, self._waiting_for_own = self._waiting_for_own, []
        for asker in waiting:
            self.send(asker, status)
        self._perform(self.round.answered(status.node, status))

    def receiveMsg_NodeStatus(self, message: NodeStatus, sender: ActorAddress) -> None:
        state = self.view.nodes.get(message.node)
        expected = (state.address, state.actor_port) if state else None
        if sender.addressDetails.node != expected:
            self._unexpected.inc()
            return
        self._perform(self.round.answered(message.node, message))

    def on_tick(self, now_s: float) -> None:
        self._perform(self.round.tick(self._living(), now_s))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Ask(nodes):
                    for name in nodes:
                        self._ask(name)
                case Answer(askers, statuses, unanswered):
                    report = status_report(self.view, statuses, unanswered)
                    for asker in askers:
                        self.send(self.address_of(asker), report)
                case TooMany(asker, limit):
                    refusal = RequestRefused(
                        what="this node does not answer now",
                        why=f"{limit} others wait for an answer already",
                        fix="ask again in a second",
                    )
                    self.send(self.address_of(asker), refusal)

    def _ask(self, name: str) -> None:
        state = self.view.nodes.get(name)
        if name == self.view.self_node:
            if self.supervisor is not None:
                self.send(self.supervisor, SupervisorStatusRequest())
        elif state is not None:
            address = ActorAddress(ActorRef(state.address, state.actor_port, ADMIN))
            self.send(address, NodeStatusRequest())
