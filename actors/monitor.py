"""Monitor actor: one for each instance, which publishes its state from observations.

A node may run hundreds.  They share processes, so none may wait for anything.
"""

from __future__ import annotations

from thespian.actors import ActorAddress

from actors import node
from actors.shell import ShellActor
from constellation.log import get_logger
from constellation.monitor.health import ServiceHealth
from messages.gossip import RecordPublish, RecordWithdraw
from messages.monitor import MonitorDone, MonitorStop, ServiceObservation, ServiceState

log = get_logger(__name__)


class MonitorActor(ShellActor):
    """Translate observations to steps of the health core, and new states to records."""

    is_addressable = False

    def on_start(self) -> None:
        self.health = ServiceHealth(node.settings().monitor.policy())
        self.state: ServiceState | None = None

    def on_actor_up(self, name: str) -> None:
        if name == "gossip" and self.state is not None:
            self.post("gossip", RecordPublish(service_states=(self.state,)))

    def receiveMsg_ServiceState(self, message: ServiceState, sender: ActorAddress) -> None:
        if self.state is None:  # as the previous monitor concluded it
            self.health = self.health.resumed(message)

    def receiveMsg_ServiceObservation(
        self, message: ServiceObservation, sender: ActorAddress
    ) -> None:
        before = self.health.health
        self.health = self.health.step(message)
        state = self.health.state(message)
        if state == self.state:
            return
        self.state = state
        self.post("gossip", RecordPublish(service_states=(state,)))
        if self.supervisor is not None:
            self.send(self.supervisor, state)
        if state.health != before:
            log.info(
                "service_health_changed",
                service=state.service,
                instance=state.key,
                old=before,
                new=state.health,
                reason=state.reason,
            )

    def receiveMsg_MonitorStop(self, message: MonitorStop, sender: ActorAddress) -> None:
        self.state = None
        self.post("gossip", RecordWithdraw(kind="service", key=message.name))
        self.send(sender, MonitorDone(name=message.name))
