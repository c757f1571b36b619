"""Admin actor: answers the operator, and says what this node is to the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from thespian.actors import ActorAddress

from actors import node
from actors.adapters.parts import find_missing
from actors.admin.cordon import ADMIN, CordonAnswers
from actors.admin.routes import RouteAnswers
from constellation import __version__
from constellation.admin import keyring_round
from constellation.admin.history import History
from constellation.admin.keyring_round import KeyringRound
from constellation.admin.reports import nodes_report, services_report, status_report
from constellation.admin.status_round import (
    Answer,
    AnswerOfOne,
    Ask,
    Effect,
    StatusRound,
    TooMany,
    Unexpected,
)
from constellation.log import get_logger
from constellation.peers import find_peers, states_since_s
from constellation.transport.address import ActorRef
from messages.admin import (
    EventsRequest,
    NodesRequest,
    NodeStatus,
    NodeStatusRequest,
    PartReported,
    RequestRefused,
    ServicesRequest,
    StatusRequest,
)
from messages.gossip import ClusterChanged, ClusterSubscribe, NodeState, RecordPublish
from messages.keyring import KeyringOrder, KeyringState
from messages.lifecycle import SupervisorStatus, SupervisorStatusRequest
from messages.raft_member import ChangeReported, ClusterJoined

log = get_logger(__name__)

GOSSIP = "@gossip"  # whoever is that actor of a node now
IN_EVERY_NODE = ("gossip", "raft", "leases")  # parts that are nothing to be said of a node
FROM_START = ("tailscale", "cloudflare")  # parts that no actor reports on


class AdminActor(RouteAnswers, CordonAnswers):
    """Translate requests to reports of the core, and its questions to messages."""

    tick_interval_s = 0.1

    def on_start(self) -> None:
        super().on_start()
        self.since_s: Mapping[str, float] = {}  # when each member's state began
        self.round = StatusRound()
        self.keyring_round = KeyringRound()
        self._cluster_id = ""  # of Raft
        self.history = History(self.now_s())
        self.parts = {
            part.part: PartReported(part=part.part, state="absent", why=part.why, fix=part.fix)
            for part in find_missing(node.settings())
            if part.part in FROM_START
        }

    # The cluster, and this node in it.

    def on_actor_up(self, name: str) -> None:
        super().on_actor_up(name)
        if name == "gossip":
            self.post("gossip", ClusterSubscribe())
            self.publish_node()

    def receiveMsg_ClusterChanged(self, message: ClusterChanged, sender: ActorAddress) -> None:
        before = self.view
        self.view = before.apply(message)
        if self.view.gap:
            if not before.gap:
                self.post("gossip", ClusterSubscribe())
        elif self.view is not before:
            self.history.add(before, message, self.now_s())
            self.since_s = states_since_s(self.since_s, message, self.now_s())

    def receiveMsg_PartReported(self, message: PartReported, sender: ActorAddress) -> None:
        before = self.parts.get(message.part)
        self.parts[message.part] = message
        if before is None or before.state != message.state:
            self.publish_node()

    def receiveMsg_ClusterJoined(self, message: ClusterJoined, sender: ActorAddress) -> None:
        if message.cluster_id != self._cluster_id:
            self._cluster_id = message.cluster_id
            self.publish_node()

    def receiveMsg_ChangeReported(self, message: ChangeReported, sender: ActorAddress) -> None:
        self.history.add_reported(message, self.now_s())

    def publish_node(self) -> None:
        settings = node.settings()
        capabilities = [
            name
            for name, part in self.parts.items()
            if part.state == "present" and name not in IN_EVERY_NODE
        ]
        if settings.traefik.ingress_port:
            capabilities.append("traefik")
        state = NodeState(
            address=settings.bind_address,
            gossip_port=settings.gossip.port,
            actor_port=settings.actors.port,
            ingress_port=settings.traefik.ingress_port,
            priority=settings.priority,
            cordoned=self.cordon.cordoned,
            cordon_reason=self.cordon.reason,
            capabilities=tuple(sorted(capabilities)),
            agent_version=__version__,
            cluster_id=self._cluster_id,
            witness=settings.raft.witness,
            started_at_utc_s=node.started_at_utc_s(),
        )
        self.post("gossip", RecordPublish(node_state=state))

    # The operator.

    def receiveMsg_StatusRequest(self, message: StatusRequest, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            peers = find_peers(self.view)
            effects = self.round.asked(
                self.address_text(sender),
                (self._own_name, *peers.addresses),
                self.now_s(),
                unreachable=peers.unreachable,
            )
            self._perform(effects)

    def receiveMsg_NodesRequest(self, message: NodesRequest, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            now_s = self.now_s()
            ages_s = {name: now_s - since_s for name, since_s in self.since_s.items()}
            self.send(sender, nodes_report(self.view, ages_s))

    def receiveMsg_ServicesRequest(self, message: ServicesRequest, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            self.send(sender, services_report(self.view))

    def receiveMsg_EventsRequest(self, message: EventsRequest, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            self.send(sender, self.history.report(self.now_s()))

    def receiveMsg_KeyringOrder(self, message: KeyringOrder, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            peers = find_peers(self.view)
            effects = self.keyring_round.ordered(
                self.address_text(sender),
                message,
                (self._own_name, *peers.addresses),
                self.now_s(),
                unreachable=peers.unreachable,
            )
            self._perform_keyring(effects)

    def receiveMsg_KeyringState(self, message: KeyringState, sender: ActorAddress) -> None:
        if self._speaks_for(message.node, sender):
            self._perform_keyring(self.keyring_round.answered(message, self.now_s()))
        else:
            self._unexpected.inc()

    def _perform_keyring(self, effects: list[keyring_round.Effect]) -> None:
        for effect in effects:
            match effect:
                case keyring_round.Tell(nodes, order):
                    addresses = find_peers(self.view).addresses
                    for name in nodes:
                        if name == self._own_name:
                            self.post("gossip", order)
                        elif name in addresses:
                            self.send(ActorAddress(ActorRef(*addresses[name], GOSSIP)), order)
                case keyring_round.Report(asker, report):
                    self.send(self.address_of(asker), report)
                case keyring_round.Busy(asker):
                    self.send(self.address_of(asker), _BUSY)

    # How each node is.

    def receiveMsg_NodeStatusRequest(
        self, message: NodeStatusRequest, sender: ActorAddress
    ) -> None:
        self._requests.labels(type(message).__name__).inc()
        asker = self.address_text(sender)
        self._perform(self.round.asked_of_one(asker, self._own_name, self.now_s()))

    def receiveMsg_SupervisorStatus(self, message: SupervisorStatus, sender: ActorAddress) -> None:
        not_present = [part for part in self.parts.values() if part.state != "present"]
        if self.cordon_problem is not None:
            not_present.append(self.cordon_problem)
        status = NodeStatus(
            node=self._own_name,
            agent_version=__version__,
            uptime_s=max(0.0, datetime.now(UTC).timestamp() - node.started_at_utc_s()),
            actors=message.actors,
            parts=tuple(sorted(not_present, key=lambda part: part.part)),
        )
        self._perform(self.round.answered(status.node, status, self.now_s()))

    def receiveMsg_NodeStatus(self, message: NodeStatus, sender: ActorAddress) -> None:
        if self._speaks_for(message.node, sender):
            self._perform(self.round.answered(message.node, message, self.now_s()))
        else:
            self._unexpected.inc()

    def receiveMsg_RequestRefused(self, message: RequestRefused, sender: ActorAddress) -> None:
        log.info("node_status_refused", by=self.address_text(sender), why=message.why)

    def on_tick(self, now_s: float) -> None:
        super().on_tick(now_s)
        self._perform(self.round.tick(now_s))
        self._perform_keyring(self.keyring_round.tick(now_s))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Ask(nodes):
                    self._ask(nodes)
                case Answer(asker, statuses, unanswered):
                    self._unanswered.inc(len(unanswered))
                    report = status_report(self.view, statuses, unanswered, self.raft_news)
                    self.send(self.address_of(asker), report)
                case AnswerOfOne(asker, status):
                    self.send(self.address_of(asker), status)
                case TooMany(asker, limit):
                    self.send(self.address_of(asker), _too_many(limit))
                case Unexpected():
                    self._unexpected.inc()

    def _ask(self, names: tuple[str, ...]) -> None:
        addresses = find_peers(self.view).addresses
        for name in names:
            if name in addresses:
                host, port = addresses[name]
                self.send(ActorAddress(ActorRef(host, port, ADMIN)), NodeStatusRequest())
            elif self.supervisor is not None:  # this node itself
                self.send(self.supervisor, SupervisorStatusRequest())


_BUSY = RequestRefused(
    what="this node changes no gossip keys now",
    why="another order about them is under way",
    fix="ask again in some seconds",
)


def _too_many(limit: int) -> RequestRefused:
    return RequestRefused(
        what="this node does not answer now",
        why=f"{limit} others wait for an answer already",
        fix="ask again in a second",
    )
