"""Implements Thespian's transport interface by `delivery` and `payload`."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from thespian.actors import ActorAddress, ActorExitRequest, WakeupMessage, WatchMessage
from thespian.system.addressManager import CannotPickleAddress
from thespian.system.messages.convention import CONV_ADDR_IPV4_CAPABILITY
from thespian.system.messages.multiproc import ChildMayHaveDied
from thespian.system.transport import (
    ExternalInterfaceTransportInit,
    ReceiveEnvelope,
    SendStatus,
    Thespian__Run_Expired,
    Thespian__Run_HandlerResult,
    Thespian__Run_Terminated,
    Thespian__UpdateWork,
    TransmitIntent,
    TransmitOnly,
    TransportInit__Base,
)
from thespian.system.transport.wakeupTransportBase import wakeupTransportBase

from actors.transport import payload, stats
from actors.transport.actor_loop import ActorLoop, Inbox
from actors.transport.delivery import EXTERNAL_PREFIX, Delivered, TransportSettings
from actors.transport.local_links import listen_at
from actors.transport.reactor import NEVER, READ
from constellation.log import get_logger
from constellation.transport.address import ADMIN_ID, ActorRef
from messages.base import Message

log = get_logger(__name__)

NODE_CAPABILITY = "Constellation Node"  # 'host:port' of the node's actor system
DRAIN_PEERS_S = 1.0  # how long a stopping process waits for other nodes to read its messages

_STATUS = {
    Delivered.YES: SendStatus.Sent,
    Delivered.DEAD_TARGET: SendStatus.DeadTarget,
    Delivered.FAILED: SendStatus.Failed,
}
_in_this_process: list[ActorLoop] = []
_external_ids = count(1)


@contextlib.contextmanager
def sending_together() -> Iterator[None]:
    """Send all messages of this process meanwhile together, at the end; nothing may wait in it."""
    with contextlib.ExitStack() as stack:
        for loop in _in_this_process:
            stack.enter_context(loop.reactor.sending_together())
        yield


def forget_inherited() -> None:
    """In a forked process: close the sockets inherited from the parent."""
    for loop in _in_this_process:
        loop.reactor.close_inherited()
    _in_this_process.clear()
    stats.forget()


class Endpoint(TransportInit__Base):
    """The address and the socket of a process that is about to be forked."""

    def __init__(self, settings: TransportSettings, actor_id: str) -> None:
        self.settings = settings
        self.actor_id = actor_id
        self.ref = ActorRef(settings.host, settings.port, actor_id)
        self.listener = listen_at(settings.socket_path(actor_id))


class External(ExternalInterfaceTransportInit):
    """The settings of a process outside the actor system: the guardian, an operator's command."""

    def __init__(self, settings: TransportSettings) -> None:
        self.settings = settings


class Seat(TransportInit__Base):
    """The address of an actor that lives in a process with others, and the loop of that process."""

    def __init__(self, loop: ActorLoop, ref: ActorRef, on_ended: Callable[[], None]) -> None:
        self.loop = loop
        self.ref = ref
        self.on_ended = on_ended


class Transport(wakeupTransportBase):
    """The transport of one actor.

    That of a process's main actor owns the loop of the process, and runs it.  One with a seat
    shares the loop of its host, which calls `inbox.handle`.
    """

    def __init__(self, init: object, *_: object) -> None:
        super().__init__()
        self._seat = init if isinstance(init, Seat) else None
        match init:
            case Seat():
                self.loop, ref = init.loop, init.ref
            case Endpoint():
                self.loop = ActorLoop(init.settings, init.actor_id, init.listener)
                ref = self.loop.delivery.ref
            case _:
                assert isinstance(init, External)
                actor_id = f"{EXTERNAL_PREFIX}{os.getpid()}-{next(_external_ids)}"
                self.loop = ActorLoop(init.settings, actor_id)
                ref = self.loop.delivery.ref
        self.inbox = self.loop.open(ref)
        self.ref = ref
        self.myAddress = ActorAddress(ref)
        self.run_time: Any = None
        self._wakeup = NEVER
        self._watches: set[int] = set()
        self._watch_notified = False
        self._aborting: Thespian__Run_Terminated | None = None
        self._shutdown_signalled = False
        self._children_signalled = False
        if self._seat is None:
            _in_this_process.append(self.loop)

    # Lifetime.

    def close(self) -> None:
        """Close everything; what is still queued is lost."""
        self._wakeup.cancel()
        if self._seat is not None:
            self.set_watch(())
            self.loop.close(self.inbox)
        elif self.loop in _in_this_process:
            _in_this_process.remove(self.loop)
            self.loop.delivery.close()
            self.loop.reactor.close()

    def external_transport_clone(self) -> Transport:
        """Return a second transport of an external process, for one conversation."""
        return Transport(External(self.loop.delivery.settings))

    def claim_name(self, name: str) -> None:
        """Let '@name' address this actor."""
        self.loop.claim_name(name, self.inbox)

    # Addresses.

    @staticmethod
    def getAdminAddr(capabilities: dict[str, Any]) -> ActorAddress:
        """Return the address of the node's admin process."""
        return Transport.getAddressFromString(capabilities[NODE_CAPABILITY])

    @staticmethod
    def getAddressFromString(text: str) -> ActorAddress:
        """Return the address of the admin of the node 'host:port'."""
        return ActorAddress(ActorRef.parse(f"{text}/{ADMIN_ID}"))

    @staticmethod
    def getConventionAddress(capabilities: dict[str, Any]) -> list[ActorAddress] | None:
        """Return the admins of all convention leaders."""
        leaders: Sequence[str] = capabilities.get(CONV_ADDR_IPV4_CAPABILITY) or ()
        return [Transport.getAddressFromString(leader) for leader in leaders] or None

    def child_endpoint(self) -> Endpoint:
        """Return the endpoint of a child to be forked, to which messages can be sent at once."""
        settings, own_id = self.loop.delivery.settings, self.ref.process_id
        parent = settings.life if own_id == ADMIN_ID else own_id
        return Endpoint(settings, f"{parent}-{next(self.loop.child_numbers)}")

    def child_seat(self, host: ActorRef) -> ActorRef:
        """Return the address of a child that will live in the process `host`."""
        return host.neighbour(next(self.loop.child_numbers))

    def deadAddress(self, address_manager: Any, address: ActorAddress) -> None:
        """Drop the connection to an actor that has ended; its id is not reused."""
        details = address.addressDetails
        if isinstance(details, ActorRef) and details.node == self.ref.node:
            self.loop.delivery.forget_actor(details)

    def setAddressManager(self, address_manager: Any) -> None:
        """Do nothing: `scheduleTransmit` receives it each time."""

    def enableRXPauseFlowControl(self, enable: bool = True) -> None:
        """Do nothing: each queue is bounded by itself, and none pauses another."""

    def lostRemote(self, address: ActorAddress) -> None:
        """Do nothing: the connection to a lost node closes by itself."""

    # Sending.

    def scheduleTransmit(
        self, address_manager: Any, intent: TransmitIntent, has_exclusive_flag: bool = False
    ) -> None:
        """Send `intent` now, or queue it on its connection.

        Raises:
            CannotPickleAddress: it contains an actor that is still being created.
        """
        if isinstance(intent.message, Thespian__UpdateWork):
            intent.tx_done(SendStatus.Sent)
            return
        if address_manager is not None:
            target, message = address_manager.prepMessageSend(intent.targetAddr, intent.message)
            if target is None:
                raise CannotPickleAddress(intent.targetAddr)
            intent.changeTargetAddr(target)
            intent.changeMessage(message)
        intent.tx_done(self._send(intent.targetAddr.addressDetails, intent.message))

    def send_message(self, target: ActorRef, message: Message) -> bool:
        """Send one of our messages to an existing actor; False if the actor does not exist.

        Raises:
            WireError: it is too large.
        """
        return self._send(target, message) is not SendStatus.DeadTarget

    def _send(self, target: ActorRef, message: object) -> Any:
        neighbour = self.loop.find(target)
        if neighbour is not None and isinstance(message, Message):
            neighbour.put(ReceiveEnvelope(self.myAddress, message))
            return SendStatus.Sent
        body = payload.encode(message)
        return _STATUS[self.loop.delivery.send(target, body, sender=self.ref)]

    def addWakeup(self, timePeriod: timedelta, payload: object) -> None:
        """Queue a `WakeupMessage` after `timePeriod`."""
        wakeup = ReceiveEnvelope(self.myAddress, WakeupMessage(timePeriod, payload))
        due_s = time.monotonic() + timePeriod.total_seconds()
        self.loop.reactor.call_at(due_s, lambda: self.inbox.put(wakeup))

    def wake_at(self, at_s: float) -> None:
        """Wake the actor at monotonic time `at_s`, and not at the time set before; inf: never."""
        self._wakeup.cancel()
        if at_s < math.inf:
            wakeup = ReceiveEnvelope(self.myAddress, WakeupMessage(timedelta(0), at_s))
            self._wakeup = self.loop.reactor.call_at(at_s, lambda: self.inbox.put(wakeup))

    def wake_when_readable(self, file: int) -> None:
        """Make `run` return once, when `file` can be read."""

        def wake(_: int) -> None:
            self.loop.reactor.unregister(file)
            self._children_signalled = True

        self.loop.reactor.register(file, READ, wake)

    @property
    def has_arrived(self) -> bool:
        """Whether a message for this actor waits to be handled."""
        return bool(self.inbox.waiting)

    # Running.

    def set_watch(self, files: Sequence[int]) -> None:
        """Notify the actor when one of `files` can be read."""
        wanted = set(files)
        for file in self._watches - wanted:
            self.loop.reactor.unregister(file)
        for file in wanted - self._watches:
            self.loop.reactor.register(file, READ, self._watch_ready)
        self._watches = wanted
        self._watch_notified = False

    def _watch_ready(self, _: int) -> None:
        if not self._watch_notified:
            self._watch_notified = True
            self.inbox.put(ReceiveEnvelope(self.myAddress, WatchMessage(list(self._watches))))

    def interrupt_wait(self, signal_shutdown: bool = False, check_children: bool = False) -> None:
        """In a signal handler: check the children, or stop, as soon as possible."""
        self._shutdown_signalled |= signal_shutdown
        self._children_signalled |= check_children
        self.loop.reactor.wake()

    def abort_run(self, drain: bool = False) -> None:
        """Make `run` return; what is queued is drained by a `TransmitOnly` run that follows."""
        if self._seat is not None:
            self._seat.on_ended()
        self._aborting = Thespian__Run_Terminated()

    def _next_envelope(self) -> tuple[Inbox, ReceiveEnvelope] | None:
        if self._children_signalled:
            self._children_signalled = False
            return self.inbox, ReceiveEnvelope(self.myAddress, ChildMayHaveDied())
        if self._shutdown_signalled:
            self._shutdown_signalled = False
            return self.inbox, ReceiveEnvelope(self.myAddress, ActorExitRequest())
        return self.loop.next()

    def _runWithExpiry(self, handler: Callable[[ReceiveEnvelope], object] | type | None) -> object:
        self._aborting = None
        if handler is TransmitOnly or isinstance(handler, TransmitOnly):
            return self._drain()
        try:
            return self._run(handler)
        except Exception:  # Thespian would end the process silently
            log.exception("transport_failed")
            raise

    def _run(self, handler: Callable[[ReceiveEnvelope], object] | None) -> object:
        # Poll at least once: a run with no time left handles what has already arrived.
        self.loop.poll(0.0)
        while self._aborting is None:
            following = self._next_envelope()
            if following is not None:
                inbox, envelope = following
                if inbox.handle is not None:
                    inbox.handle(envelope)
                    continue
                if handler is None:
                    return envelope
                result = Thespian__Run_HandlerResult(handler(envelope))
                if not result:
                    return result
                if self.run_time.view().expired():
                    break
                continue
            left = self.run_time.view()
            if left.expired():
                break
            self.loop.poll(left.remainingSeconds())
        aborted = self._take_abort()  # falsy, like all results of a run
        return Thespian__Run_Expired() if aborted is None else aborted

    def _take_abort(self) -> Thespian__Run_Terminated | None:
        aborting, self._aborting = self._aborting, None
        return aborting

    def _drain(self) -> int:
        """Send until nothing is queued, but wait for other nodes no longer than `DRAIN_PEERS_S`."""
        give_up_at_s = time.monotonic() + DRAIN_PEERS_S
        while pending := self.loop.delivery.pending_count(peers=time.monotonic() < give_up_at_s):
            left = self.run_time.view()
            if left.expired() or self._aborting is not None:
                return pending
            self.loop.reactor.poll(0.05)
        return 0
