"""What the admin actor answers of Raft and leases, and the orders that it passes on."""

from __future__ import annotations

from collections.abc import Iterable

from thespian.actors import ActorAddress

from actors.admin.shell import AdminShell
from constellation.admin import raft_round
from constellation.admin.leases_report import leases_report
from constellation.admin.raft_news import RaftNews
from constellation.admin.raft_refusals import NOT_RUNNING
from constellation.admin.raft_report import raft_report
from constellation.admin.raft_round import RaftRound
from constellation.peers import find_peers
from constellation.transport.address import ActorRef
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


class RaftAnswers(AdminShell):
    """The part of the admin actor that speaks with Raft."""

    def on_start(self) -> None:
        super().on_start()
        self.raft_round = RaftRound(self._own_name)
        self._news = RaftNews()

    def on_actor_up(self, name: str) -> None:
        if name == RAFT:
            self._news = RaftNews()
            self.post(RAFT, LeasesSubscribe())
            self._perform_raft(self.raft_round.restarted(self.now_s()))

    def on_tick(self, now_s: float) -> None:
        self._perform_raft(self.raft_round.tick(now_s))

    @property
    def raft_news(self) -> RaftNews:
        """Who leads and holds what; nobody, as far as is known, while no Raft actor runs."""
        return self._news if RAFT in self.directory else RaftNews()

    # The operator.

    def receiveMsg_RaftRequest(self, message: RaftRequest, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker = self.address_text(sender)
            self._perform_raft(self.raft_round.asked(asker, self.now_s()))

    def receiveMsg_LeasesRequest(self, message: LeasesRequest, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker = self.address_text(sender)
            self._perform_raft(self.raft_round.leases_asked(asker, self.now_s()))

    def receiveMsg_RaftOrder(self, message: RaftOrder, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker, members = self.address_text(sender), self.view.members
            effects = self.raft_round.ordered(asker, message, members, self.now_s())
            self._perform_raft(effects)

    def _has_raft(self, message: Message, sender: ActorAddress) -> bool:
        """Return whether there is somebody to ask; refuse if not."""
        if not self._is_known(message, sender):
            return False
        if RAFT not in self.directory:
            self.send(sender, NOT_RUNNING)
            return False
        return True

    # Raft.

    def receiveMsg_RaftStatus(self, message: RaftStatus, sender: ActorAddress) -> None:
        if self._speaks_for(message.node, sender):
            reachable = find_peers(self.view).addresses
            self._perform_raft(self.raft_round.status_heard(message, reachable, self.now_s()))
        else:
            self._unexpected.inc()

    def receiveMsg_LeasesReadDone(self, message: LeasesReadDone, sender: ActorAddress) -> None:
        self._perform_raft(self.raft_round.leases_heard(message))

    def receiveMsg_RaftOrderDone(self, message: RaftOrderDone, sender: ActorAddress) -> None:
        if self._speaks_for(self._own_name, sender):
            self._perform_raft(self.raft_round.order_heard(message))
        else:
            self._unexpected.inc()

    def receiveMsg_RaftLeading(self, message: RaftLeading, sender: ActorAddress) -> None:
        self._news.leader = message.leader

    def receiveMsg_LeaseTableState(self, message: LeaseTableState, sender: ActorAddress) -> None:
        self._news.take_table(message)

    def receiveMsg_LeasesChanged(self, message: LeasesChanged, sender: ActorAddress) -> None:
        self._news.take_change(message)

    def _perform_raft(self, effects: Iterable[raft_round.Effect]) -> None:
        for effect in effects:
            match effect:
                case raft_round.AskStatus(name):
                    self._ask_raft(name)
                case raft_round.ReadLeases(number):
                    self.post(RAFT, LeasesRead(number=number))
                case raft_round.PassOrder(order):
                    self.post(RAFT, order)
                case raft_round.TellStatus(asker, statuses, unanswered):
                    self._unanswered.inc(len(unanswered))
                    report = raft_report(self.view, self._own_name, statuses, unanswered)
                    self.send(self.address_of(asker), report)
                case raft_round.TellLeases(asker, read):
                    report_ = leases_report(self.view, self._own_name, read)
                    self.send(self.address_of(asker), report_)
                case raft_round.Tell(asker, answer):
                    self.send(self.address_of(asker), answer)
                case raft_round.Unexpected():
                    self._unexpected.inc()

    def _ask_raft(self, name: str) -> None:
        addresses = find_peers(self.view).addresses
        if name == self._own_name:
            self.post(RAFT, RaftStatusRequest())
        elif name in addresses:
            host, port = addresses[name]
            self.send(ActorAddress(ActorRef(host, port, f"@{RAFT}")), RaftStatusRequest())
