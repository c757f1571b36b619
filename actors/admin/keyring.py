"""Orders about the keys that encrypt gossip, for all living nodes.

One order at a time: two at once could leave nodes with different keys in use.
"""

from __future__ import annotations

from collections.abc import Iterable

from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.shell import AdminShell
from constellation.admin.keyring_report import keyring_report
from constellation.admin.round import Ask, Completed, Effect, Round, TooMany, Unexpected
from messages.keyring import KeyringOrder, KeyringState
from messages.operator import RequestRefused

TIMEOUT_S = 2.0
BUSY = RequestRefused(
    what="this node changes no gossip keys now",
    why="another order about them is under way",
    fix="retry in some seconds",
)


class KeyringDesk(Desk):
    """Give an order to the gossip actors of all living nodes, and join their answers."""

    def __init__(self, shell: AdminShell) -> None:
        super().__init__(shell)
        self._round = Round[str, KeyringOrder, KeyringState](timeout_s=TIMEOUT_S, askers_max=1)

    def on_tick(self, now_s: float) -> None:
        self._perform(self._round.tick(now_s))

    def receiveMsg_KeyringOrder(self, message: KeyringOrder, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        if self.shell.knows_cluster(sender):
            view = self.shell.view
            nodes = {self.shell.own_node, *filter(view.is_living, view.members)}
            asker = self.shell.address_text(sender)
            self._perform(self._round.begin(asker, message, nodes, self.shell.now_s()))

    def receiveMsg_KeyringState(self, message: KeyringState, sender: ActorAddress) -> None:
        if self.shell.is_at(message.node, sender):
            self._perform(self._round.answered(message.node, message, self.shell.now_s()))
        else:
            self.shell.unexpected.inc()

    def _perform(self, effects: Iterable[Effect[str, KeyringOrder, KeyringState]]) -> None:
        for effect in effects:
            match effect:
                case Ask(nodes, order):
                    self._give(nodes, order)
                case Completed(asker, _, states, unanswered):
                    self.shell.answer(asker, keyring_report(states.values(), unanswered))
                case TooMany(asker):
                    self.shell.answer(asker, BUSY)
                case Unexpected():
                    self.shell.unexpected.inc()

    def _give(self, nodes: Iterable[str], order: KeyringOrder) -> None:
        for name in nodes:
            if not self.shell.send_to(name, "gossip", order):
                self._perform(self._round.unreachable(name, self.shell.now_s()))
