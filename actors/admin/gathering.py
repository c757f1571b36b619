"""The facts about the cluster: the status of this node, and that of all others.

Every report rests on the same facts, so that no two of them contradict each other.  This node's
status is joined from the answers of its supervisor, its Raft actor and its HTTP actor; an actor
that does not answer in time is missing from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from thespian.actors import ActorAddress

from actors import node
from actors.admin.desk import Desk
from actors.admin.leases import LeaseDesk
from actors.admin.record import RecordDesk
from actors.admin.shell import AdminShell
from constellation import __version__
from constellation.admin.round import Ask, Completed, Effect, Round, TooMany, Unexpected
from constellation.leases.policy import LB_LEADER
from constellation.log import get_logger
from constellation.wellness.facts import Facts
from messages.admin import NodeStatus, NodeStatusRequest
from messages.base import Message
from messages.lifecycle import SupervisorStatus, SupervisorStatusRequest
from messages.operator import RequestRefused
from messages.raft_member import RaftStatus, RaftStatusRequest
from messages.routes import RoutesHealth, RoutesHealthRequest

log = get_logger(__name__)

TIMEOUT_S = 1.0
OWN_TIMEOUT_S = 0.6  # shorter: an actor that hangs must not make its node silent
ASK_AGAIN_S = 5.0
OWN_ASK_AGAIN_S = 0.5

Then = Callable[[Facts], None]

_SUPERVISOR, _RAFT, _HTTP = "supervisor", "raft", "http"
_QUESTIONS: dict[str, Message] = {_RAFT: RaftStatusRequest(), _HTTP: RoutesHealthRequest()}


class GatheringDesk(Desk):
    """Ask all living nodes for their status, and join the answers."""

    def __init__(self, shell: AdminShell, record: RecordDesk, leases: LeaseDesk) -> None:
        super().__init__(shell)
        self._record = record
        self._leases = leases
        self._nodes = Round[str, Then, NodeStatus](timeout_s=TIMEOUT_S, ask_again_s=ASK_AGAIN_S)
        self._actors = Round[str, None, Message](
            timeout_s=OWN_TIMEOUT_S, ask_again_s=OWN_ASK_AGAIN_S
        )

    def gather(self, asker: str, then: Then) -> None:
        """Call `then` with what all living nodes report; `asker` is refused if too many wait."""
        view = self.shell.view
        nodes = {self.shell.own_node, *filter(view.is_living, view.members)}
        self._begin(asker, nodes, then)

    def gather_own(self, asker: str, then: Then) -> None:
        """Call `then` with what this node alone reports."""
        self._begin(asker, [self.shell.own_node], then)

    def _begin(self, asker: str, nodes: Iterable[str], then: Then) -> None:
        self._perform(self._nodes.begin(asker, then, nodes, self.shell.now_s()))

    def next_due_s(self) -> float:
        return min(self._actors.next_due_s, self._nodes.next_due_s)

    def on_due(self, now_s: float) -> None:
        self._perform_own(self._actors.tick(now_s))
        self._perform(self._nodes.tick(now_s))

    def receiveMsg_NodeStatusRequest(
        self, message: NodeStatusRequest, sender: ActorAddress
    ) -> None:
        self.shell.count_request(message)
        asker = self.shell.address_text(sender)

        def answer(facts: Facts) -> None:
            for status in facts.statuses:  # without one, the asker has given up too
                self.shell.answer(asker, status)

        self.gather_own(asker, answer)

    # Answers of other nodes.

    def receiveMsg_NodeStatus(self, message: NodeStatus, sender: ActorAddress) -> None:
        if self.shell.is_at(message.node, sender):
            self._perform(self._nodes.answered(message.node, message, self.shell.now_s()))
        else:
            self.shell.unexpected.inc()

    def receiveMsg_RequestRefused(self, message: RequestRefused, sender: ActorAddress) -> None:
        log.info("node_status_refused", by=self.shell.address_text(sender), why=message.why)

    # Answers of this node's actors.

    def receiveMsg_SupervisorStatus(self, message: SupervisorStatus, sender: ActorAddress) -> None:
        self._answered(_SUPERVISOR, message)

    def receiveMsg_RaftStatus(self, message: RaftStatus, sender: ActorAddress) -> None:
        is_own = message.node == self.shell.own_node
        if is_own and self.shell.is_at(message.node, sender):
            self._answered(_RAFT, message)
        else:
            self.shell.unexpected.inc()

    def receiveMsg_RoutesHealth(self, message: RoutesHealth, sender: ActorAddress) -> None:
        if self.shell.is_at(self.shell.own_node, sender):
            self._answered(_HTTP, message)
        else:
            self.shell.unexpected.inc()

    def _answered(self, actor: str, message: Message) -> None:
        self._perform_own(self._actors.answered(actor, message, self.shell.now_s()))

    # Effects.

    def _perform(self, effects: Iterable[Effect[str, Then, NodeStatus]]) -> None:
        for effect in effects:
            match effect:
                case Ask(nodes):
                    self._ask(nodes)
                case Completed(_, then, statuses, unanswered):
                    self.shell.unanswered.inc(len(unanswered))
                    then(self._facts(statuses.values(), unanswered))
                case TooMany(asker, limit):
                    if asker:
                        self.shell.answer(asker, _too_many(limit))
                case Unexpected():
                    self.shell.unexpected.inc()

    def _ask(self, nodes: Iterable[str]) -> None:
        for name in nodes:
            if name == self.shell.own_node:
                keys = (_SUPERVISOR, *_QUESTIONS)
                self._perform_own(self._actors.begin("", None, keys, self.shell.now_s()))
            elif not self.shell.send_to(name, "admin", NodeStatusRequest()):
                self._perform(self._nodes.unreachable(name, self.shell.now_s()))

    def _perform_own(self, effects: Iterable[Effect[str, None, Message]]) -> None:
        for effect in effects:
            match effect:
                case Ask(actors):
                    self._ask_actors(actors)
                case Completed(_, _, answers):
                    self._joined(answers)
                case TooMany():
                    continue  # those that wait are answered soon, and this asker with them
                case Unexpected():
                    self.shell.unexpected.inc()

    def _ask_actors(self, actors: Iterable[str]) -> None:
        for name in actors:
            if name != _SUPERVISOR:
                is_asked = self.shell.post(name, _QUESTIONS[name])
            elif is_asked := self.shell.supervisor is not None:
                self.shell.send(self.shell.supervisor, SupervisorStatusRequest())
            if not is_asked:
                self._perform_own(self._actors.unreachable(name, self.shell.now_s()))

    def _joined(self, answers: Mapping[str, Message]) -> None:
        supervisor = answers.get(_SUPERVISOR)
        if not isinstance(supervisor, SupervisorStatus):
            return  # this node is silent to itself
        raft, routes = answers.get(_RAFT), answers.get(_HTTP)
        status = NodeStatus(
            node=self.shell.own_node,
            agent_version=__version__,
            uptime_s=max(0.0, datetime.now(UTC).timestamp() - node.started_at_utc_s()),
            actors=supervisor.actors,
            parts=self._record.not_present,
            troubles=self._record.troubles,
            troubles_unlisted=self._record.troubles_unlisted,
            raft=raft if isinstance(raft, RaftStatus) else None,
            routes=routes if isinstance(routes, RoutesHealth) else None,
        )
        self._perform(self._nodes.answered(status.node, status, self.shell.now_s()))

    def _facts(self, statuses: Iterable[NodeStatus], unanswered: Iterable[str]) -> Facts:
        dns = node.settings().dns
        facts = Facts.of(
            self.shell.own_node,
            self.shell.view,
            statuses,
            unanswered,
            cluster_problem=self.shell.cluster_problem(),
            unheld=self._leases.unheld,
        )
        return replace(
            facts,
            dns_mode=dns.mode if dns.is_used else "",
            lb_leader=self._leases.leases.holder(LB_LEADER),
        )


def _too_many(limit: int) -> RequestRefused:
    return RequestRefused(
        what="this node takes no more requests for its status now",
        why=f"{limit} of them wait for an answer",
        fix="retry in a second",
    )
