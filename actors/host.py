"""Host actor: the main actor of a process in which several light actors live.

It starts them when its parent, which is also theirs, says so.  It answers pings for the whole
process: an actor with a thread of its own must have answered first.
"""

from __future__ import annotations

from typing import Any

from setproctitle import setproctitle
from thespian.actors import ActorAddress, InvalidActorSpecification

from actors import node
from actors.shell import ShellActor
from constellation.log import get_logger
from constellation.transport.address import ActorRef
from messages.lifecycle import ActorPing, ActorPong, HostedActorCreate

log = get_logger(__name__)


class HostActor(ShellActor):
    """Gives actors a seat in its process."""

    is_addressable = False

    def __init__(self) -> None:
        super().__init__()
        self._asker: ActorAddress | None = None  # of the ping that is to be answered
        self._silent: set[str] = set()  # addresses of actors that must answer first

    def on_stop(self) -> None:
        self._myRef.end_hosted()

    def receiveMsg_HostedActorCreate(
        self, message: HostedActorCreate, sender: ActorAddress
    ) -> None:
        ref = ActorRef.parse(message.address)
        if sender != self.supervisor or ref.process_id != self.myAddress.addressDetails.actor_id:
            log.error("hosted_actor_refused", by=self.address_text(sender), address=str(ref))
            return
        try:
            self._myRef.seat(ref, message.actor_class, sender)
        except InvalidActorSpecification as error:
            self.fail(message.actor_class, error)

    def on_seat_changed(self, actor: ShellActor) -> None:
        if actor.is_addressable:
            self._show_names()
        if actor.myAddress.addressDetails.actor_id not in self._myRef.hosted:
            self._answered(actor.myAddress)  # it will not

    def _show_names(self) -> None:
        """Show in the title of the process which named actors live here."""
        hosted = (one for one in self._hosted() if one.is_addressable)
        started = (one for one in hosted if one.supervisor is not None)
        named = " ".join(sorted(one.name for one in started))
        title = f"constellation: {node.settings().node_name} {self.name}"
        setproctitle(f"{title} ({named})" if named else title)

    def receiveMsg_ActorPing(self, message: ActorPing, sender: ActorAddress) -> None:
        self._asker = sender
        self._silent = {
            self.address_text(one.myAddress) for one in self._hosted() if one.has_own_thread
        }
        for address in self._silent:
            self.send(self.address_of(address), message)
        self._answer_when_all_have()

    def receiveMsg_ActorPong(self, message: ActorPong, sender: ActorAddress) -> None:
        self._answered(sender)

    def _answered(self, actor: ActorAddress) -> None:
        self._silent.discard(self.address_text(actor))
        self._answer_when_all_have()

    def _answer_when_all_have(self) -> None:
        if self._asker is not None and not self._silent:
            self.send(self._asker, ActorPong(name=self.name, seq_no=0))
            self._asker = None

    def _hosted(self) -> list[Any]:
        return [one.actorInst for one in self._myRef.hosted.values() if one.actorInst is not None]
