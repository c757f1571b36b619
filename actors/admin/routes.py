"""What the admin actor answers of routes: it passes questions on to the HTTP actor."""

from __future__ import annotations

from thespian.actors import ActorAddress

from actors.admin.shell import AdminShell
from messages.admin import RequestRefused
from messages.base import Message
from messages.routes import ExplainRequest, RejectedRequest, RoutesAnswer, RoutesAsk

HTTP = "http"

_NOT_RUNNING = RequestRefused(
    what="this node cannot say anything of routes now",
    why="its HTTP listener is not running",
    fix="ask again in some seconds; if that lasts, see the agent's log",
)


class RouteAnswers(AdminShell):
    """The part of the admin actor that speaks with the HTTP actor."""

    def receiveMsg_RejectedRequest(self, message: RejectedRequest, sender: ActorAddress) -> None:
        self._pass_on(message, sender, RoutesAsk(asker=self.address_text(sender)))

    def receiveMsg_ExplainRequest(self, message: ExplainRequest, sender: ActorAddress) -> None:
        ask = RoutesAsk(asker=self.address_text(sender), explain=message)
        self._pass_on(message, sender, ask)

    def receiveMsg_RoutesAnswer(self, message: RoutesAnswer, sender: ActorAddress) -> None:
        answer = message.explained or message.rejected
        if answer is not None and self._speaks_for(self._own_name, sender):
            self.send(self.address_of(message.asker), answer)
        else:
            self._unexpected.inc()

    def _pass_on(self, message: Message, sender: ActorAddress, ask: RoutesAsk) -> None:
        if not self._is_known(message, sender):
            return
        if HTTP in self.directory:
            self.post(HTTP, ask)
        else:
            self.send(sender, _NOT_RUNNING)
