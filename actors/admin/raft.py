"""The Raft cluster and its leases: requests, and orders that are passed on."""

from __future__ import annotations

from collections.abc import Iterable

from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.gathering import GatheringDesk
from actors.admin.leases import RAFT
from actors.admin.shell import AdminShell
from constellation.admin.lease_view import leases_report
from constellation.admin.raft_refusals import NOT_RUNNING, silent
from constellation.admin.raft_report import raft_report
from constellation.admin.raft_round import AnswerLeases, Effect, PassOrder, RaftRound, ReadLeases
from constellation.admin.round import Answer, Unexpected
from constellation.wellness.facts import Facts
from messages.base import Message
from messages.raft_member import LeasesRead, LeasesReadDone, RaftOrder, RaftOrderDone
from messages.raft_reports import LeasesRequest, RaftRequest


class RaftDesk(Desk):
    """Ask Raft actors for what operators want to know, and give them orders."""

    def __init__(self, shell: AdminShell, gathering: GatheringDesk) -> None:
        super().__init__(shell)
        self._gathering = gathering
        self._round = RaftRound()

    def on_actor_up(self, name: str) -> None:
        if name == RAFT:
            self._perform(self._round.restarted(self.shell.now_s()))

    def next_due_s(self) -> float:
        return self._round.next_due_s

    def on_due(self, now_s: float) -> None:
        self._perform(self._round.tick(now_s))

    # Requests.

    def receiveMsg_RaftRequest(self, message: RaftRequest, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker = self.shell.address_text(sender)
            self._gathering.gather(asker, lambda facts: self._report(asker, facts))

    def _report(self, asker: str, facts: Facts) -> None:
        has_answered = self.shell.own_node in facts.raft
        self.shell.answer(
            asker, raft_report(facts) if has_answered else silent("the status of Raft")
        )

    def receiveMsg_LeasesRequest(self, message: LeasesRequest, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker = self.shell.address_text(sender)
            self._perform(self._round.leases_asked(asker, self.shell.now_s()))

    def receiveMsg_RaftOrder(self, message: RaftOrder, sender: ActorAddress) -> None:
        if self._has_raft(message, sender):
            asker = self.shell.address_text(sender)
            self._gathering.gather_own(asker, lambda facts: self._order(asker, message, facts))

    def _order(self, asker: str, order: RaftOrder, facts: Facts) -> None:
        status, now_s = facts.raft.get(self.shell.own_node), self.shell.now_s()
        self._perform(self._round.ordered(asker, order, status, facts.view.members, now_s))

    def _has_raft(self, message: Message, sender: ActorAddress) -> bool:
        """Return whether this node's Raft actor can be asked; if not, refuse."""
        self.shell.count_request(message)
        if RAFT in self.shell.directory:
            return True
        self.shell.send(sender, NOT_RUNNING)
        return False

    # Answers.

    def receiveMsg_LeasesReadDone(self, message: LeasesReadDone, sender: ActorAddress) -> None:
        self._perform(self._round.leases_received(message, self.shell.now_s()))

    def receiveMsg_RaftOrderDone(self, message: RaftOrderDone, sender: ActorAddress) -> None:
        if self.shell.is_at(self.shell.own_node, sender):
            self._perform(self._round.order_done(message, self.shell.now_s()))
        else:
            self.shell.unexpected.inc()

    # Effects.

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case ReadLeases(number):
                    self.shell.post(RAFT, LeasesRead(number=number))
                case PassOrder(order):
                    self.shell.post(RAFT, order)
                case AnswerLeases(asker, read):
                    self._answer_leases(asker, read)
                case Answer(asker, message):
                    self.shell.answer(asker, message)
                case Unexpected():
                    self.shell.unexpected.inc()

    def _answer_leases(self, asker: str, read: LeasesReadDone) -> None:
        self._gathering.gather(
            asker, lambda facts: self.shell.answer(asker, leases_report(facts, read))
        )
