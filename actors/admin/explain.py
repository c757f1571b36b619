"""Questions about routes that need what other nodes report.

The HTTP actor answers them, from the configuration that its Traefik gets.  A container that is not
watched is not in it; only the node that it runs on knows of it, and that it asks for a host name.
"""

from __future__ import annotations

from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.gathering import GatheringDesk
from actors.admin.shell import AdminShell
from constellation.wellness.facts import Facts
from constellation.wellness.troubles import about, of_containers
from messages.routes import (
    CONTAINERS_TOLD_MAX,
    TROUBLES_TOLD_MAX,
    ExplainRequest,
    RejectedRequest,
)


class ExplainDesk(Desk):
    """Add to a question what nodes report about its subject, and relay it."""

    def __init__(self, shell: AdminShell, gathering: GatheringDesk) -> None:
        super().__init__(shell)
        self._gathering = gathering

    def receiveMsg_ExplainRequest(self, message: ExplainRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        asker = self.shell.address_text(sender)

        def relay(facts: Facts) -> None:
            troubles = tuple(about(message.subject, facts.statuses))[:TROUBLES_TOLD_MAX]
            known = message.model_copy(update={"troubles": troubles})
            self.shell.relay(known, sender)

        self._gathering.gather(asker, relay)

    def receiveMsg_RejectedRequest(self, message: RejectedRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        asker = self.shell.address_text(sender)

        def relay(facts: Facts) -> None:
            troubles = tuple(of_containers(facts.statuses))[:CONTAINERS_TOLD_MAX]
            self.shell.relay(message.model_copy(update={"troubles": troubles}), sender)

        self._gathering.gather(asker, relay)
