"""Orders about the keys that encrypt gossip, for all living nodes.

One order at a time: two at once could leave nodes with different keys in use.  Orders are numbered,
so that an answer to an earlier one does not count for the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.shell import AdminShell
from constellation.admin.keyring_report import keyring_report
from constellation.admin.round import Ask, Completed, Effect, Round, TooMany, Unexpected
from messages.keyring import KeyringOrder, KeyringOrderDone, KeyringState
from messages.operator import RequestRefused

TIMEOUT_S = 2.0
BUSY = RequestRefused(
    what="this node changes no gossip keys now",
    why="another order about them is under way",
    fix="retry in some seconds",
)

_Key = tuple[int, str]  # the number of an order, and a node that must answer it


class KeyringDesk(Desk):
    """Give an order to the gossip actors of all living nodes, and join their answers."""

    def __init__(self, shell: AdminShell) -> None:
        super().__init__(shell)
        self._round = Round[_Key, KeyringOrder, KeyringState](timeout_s=TIMEOUT_S, askers_max=1)
        self._number = 0

    def next_due_s(self) -> float:
        return self._round.next_due_s

    def on_due(self, now_s: float) -> None:
        self._perform(self._round.tick(now_s))

    def receiveMsg_KeyringOrder(self, message: KeyringOrder, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        if self.shell.knows_cluster(sender):
            view = self.shell.view
            nodes = {self.shell.own_node, *filter(view.is_living, view.members)}
            asker = self.shell.address_text(sender)
            self._number += 1
            order = message.model_copy(update={"number": self._number})
            keys = [(self._number, name) for name in nodes]
            self._perform(self._round.begin(asker, order, keys, self.shell.now_s()))

    def receiveMsg_KeyringOrderDone(self, message: KeyringOrderDone, sender: ActorAddress) -> None:
        state = message.state
        if self.shell.is_at(state.node, sender):
            key = (message.number, state.node)
            self._perform(self._round.answered(key, state, self.shell.now_s()))
        else:
            self.shell.unexpected.inc()

    def _perform(self, effects: Iterable[Effect[_Key, KeyringOrder, KeyringState]]) -> None:
        for effect in effects:
            match effect:
                case Ask(keys, order):
                    self._give(keys, order)
                case Completed(asker, _, states, unanswered):
                    silent = [name for _, name in unanswered]
                    members = self.shell.view.members.values()
                    dead = [one.node for one in members if one.state == "dead"]
                    self.shell.answer(asker, keyring_report(states.values(), silent, dead))
                case TooMany(asker):
                    self.shell.answer(asker, BUSY)
                case Unexpected():
                    self.shell.unexpected.inc()

    def _give(self, keys: Iterable[_Key], order: KeyringOrder) -> None:
        for key in keys:
            if not self.shell.send_to(key[1], "gossip", order):
                self._perform(self._round.unreachable(key, self.shell.now_s()))
