"""Questions about routes that need what other nodes report.

The HTTP actor answers them, from the configuration that its Traefik gets.  A container that is not
watched is not in it; only the node that it runs on knows of it, and that it asks for a host name.
Where DNS leads who asks for a name is added here too.
"""

from __future__ import annotations

from thespian.actors import ActorAddress

from actors import node
from actors.admin.desk import Desk
from actors.admin.gathering import GatheringDesk
from actors.admin.leases import LeaseDesk
from actors.admin.shell import AdminShell
from constellation.dns.lookup import DnsKnowledge, look_up
from constellation.leases.policy import DNS_WRITER, LB_LEADER
from constellation.wellness.facts import Facts
from constellation.wellness.troubles import about, of_containers, of_dns
from messages.routes import (
    CONTAINERS_TOLD_MAX,
    TROUBLES_TOLD_MAX,
    ExplainRequest,
    RejectedRequest,
)


class ExplainDesk(Desk):
    """Add to a question what nodes report about its subject, and relay it."""

    def __init__(self, shell: AdminShell, gathering: GatheringDesk, leases: LeaseDesk) -> None:
        super().__init__(shell)
        self._gathering = gathering
        self._leases = leases

    def receiveMsg_ExplainRequest(self, message: ExplainRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        asker = self.shell.address_text(sender)

        def relay(facts: Facts) -> None:
            troubles = tuple(about(message.subject, facts.statuses))[:TROUBLES_TOLD_MAX]
            lead = look_up(message.subject, self._known_of_dns(facts))
            known = message.model_copy(update={"troubles": troubles, "dns": lead})
            self.shell.relay(known, sender)

        self._gathering.gather(asker, relay)

    def _known_of_dns(self, facts: Facts) -> DnsKnowledge:
        settings, leases = node.settings(), self._leases.leases
        return DnsKnowledge(
            view=facts.view,
            settings=settings.dns,
            domain=settings.domain,
            leader=leases.holder(LB_LEADER),
            writer=leases.holder(DNS_WRITER),
            troubles=tuple(of_dns(facts.statuses)),
        )

    def receiveMsg_RejectedRequest(self, message: RejectedRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        asker = self.shell.address_text(sender)

        def relay(facts: Facts) -> None:
            troubles = tuple(of_containers(facts.statuses))[:CONTAINERS_TOLD_MAX]
            self.shell.relay(message.model_copy(update={"troubles": troubles}), sender)

        self._gathering.gather(asker, relay)
