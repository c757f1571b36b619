"""The Raft cluster and its leases: requests, and orders that are passed on."""

from __future__ import annotations

from collections.abc import Iterable

from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.shell import AdminShell
from constellation.admin.lease_view import NO_LEASES, LeaseView, leases_report
from constellation.admin.raft_refusals import NOT_RUNNING
from constellation.admin.raft_report import raft_report
from constellation.admin.raft_round import (
    AnswerLeases,
    AnswerStatus,
    AskStatus,
    Effect,
    PassOrder,
    RaftRound,
    ReadLeases,
)
from constellation.admin.round import Answer, Unexpected
from messages.base import Message
from messages.leases import LeasesChanged, LeaseTableState
from messages.raft_member import (
    LeasesRead,
    LeasesReadDone,
    LeasesSubscribe,
    RaftLeading,
    RaftOrder,
    RaftOrderDone,
    RaftStatus,
    RaftStatusRequest,
)
from messages.raft_reports import LeasesRequest, RaftRequest

RAFT = "raft"


class RaftDesk(Desk):
    """Ask Raft actors for what operators want to know, and give them orders."""

    def __init__(self, shell: AdminShell) -> None:
        super().__init__(shell)
        self._round = RaftRound(shell.own_node)
        self._leases = NO_LEASES

    @property
    def leases(self) -> LeaseView:
        """The leader and the holders, as Raft reported last; nobody while no Raft actor runs."""
        return self._leases if RAFT in self.shell.directory else NO_LEASES

    def on_actor_up(self, name: str) -> None:
        if name == RAFT:
            self._leases = NO_LEASES
            self.shell.post(RAFT, LeasesSubscribe())
            self._perform(self._round.restarted(self.shell.now_s()))

    def on_tick(self, now_s: float) -> None:
        self._perform(self._round.tick(now_s))

    # Requests.

    def receiveMsg_RaftRequest(self, message: RaftRequest, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker = self.shell.address_text(sender)
            self._perform(self._round.asked(asker, self.shell.now_s()))

    def receiveMsg_LeasesRequest(self, message: LeasesRequest, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker = self.shell.address_text(sender)
            self._perform(self._round.leases_asked(asker, self.shell.now_s()))

    def receiveMsg_RaftOrder(self, message: RaftOrder, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker, members = self.shell.address_text(sender), self.shell.view.members
            self._perform(self._round.ordered(asker, message, members, self.shell.now_s()))

    def _has_raft(self, message: Message, sender: ActorAddress) -> bool:
        """Return whether this node's Raft actor can be asked; if not, refuse."""
        self.shell.count_request(message)
        if RAFT in self.shell.directory:
            return True
        self.shell.send(sender, NOT_RUNNING)
        return False

    # Answers.

    def receiveMsg_RaftStatus(self, message: RaftStatus, sender: ActorAddress) -> None:
        if self.shell.is_at(message.node, sender):
            self._perform(self._round.status_received(message, self.shell.now_s()))
        else:
            self.shell.unexpected.inc()

    def receiveMsg_LeasesReadDone(self, message: LeasesReadDone, sender: ActorAddress) -> None:
        self._perform(self._round.leases_received(message, self.shell.now_s()))

    def receiveMsg_RaftOrderDone(self, message: RaftOrderDone, sender: ActorAddress) -> None:
        if self.shell.is_at(self.shell.own_node, sender):
            self._perform(self._round.order_done(message, self.shell.now_s()))
        else:
            self.shell.unexpected.inc()

    # What Raft reports by itself.

    def receiveMsg_RaftLeading(self, message: RaftLeading, sender: ActorAddress) -> None:
        self._leases = self._leases.with_leader(message.leader)

    def receiveMsg_LeaseTableState(self, message: LeaseTableState, sender: ActorAddress) -> None:
        self._leases = self._leases.with_table(message)

    def receiveMsg_LeasesChanged(self, message: LeasesChanged, sender: ActorAddress) -> None:
        self._leases = self._leases.with_changes(message)

    # Effects.

    def _perform(self, effects: Iterable[Effect]) -> None:
        own, view = self.shell.own_node, self.shell.view
        for effect in effects:
            match effect:
                case AskStatus(name):
                    self._ask(name)
                case ReadLeases(number):
                    self.shell.post(RAFT, LeasesRead(number=number))
                case PassOrder(order):
                    self.shell.post(RAFT, order)
                case AnswerStatus(asker, statuses, unanswered):
                    self.shell.unanswered.inc(len(unanswered))
                    self.shell.answer(asker, raft_report(view, own, statuses, unanswered))
                case AnswerLeases(asker, read):
                    self.shell.answer(asker, leases_report(view, own, read))
                case Answer(asker, message):
                    self.shell.answer(asker, message)
                case Unexpected():
                    self.shell.unexpected.inc()

    def _ask(self, name: str) -> None:
        if not self.shell.send_to(name, RAFT, RaftStatusRequest()):
            self._perform(self._round.unreachable(name, self.shell.now_s()))
