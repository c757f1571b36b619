"""Thespian's managers of actors, changed: an actor in a process of its own, and one in a host.

A host is a process whose main actor starts others beside itself.  Each of these has an address, an
inbox and a manager of its own, and its parent is the actor that asked for it, which is also the
parent of the host.  So the parent is told of the end of one actor by that actor's manager, and of
the end of the whole process by the kernel, once for each actor in it.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import os
import signal
import sys
import threading
import time
import traceback
from functools import cached_property, partial
from typing import Any, NamedTuple, NoReturn

from thespian.actors import (
    Actor,
    ActorAddress,
    ActorExitRequest,
    ChildActorExited,
    InvalidActorSpecification,
    NoCompatibleSystemForActor,
    PoisonMessage,
    ThespianWatch,
    WakeupMessage,
)
from thespian.system.multiprocCommon import ChildInfo, MultiProcManager
from thespian.system.transport import ReceiveEnvelope, TransmitIntent
from thespian.system.utilis import checkActorCapabilities

from actors.transport.process import ChildProcess
from actors.transport.reactor import Timer
from actors.transport.transport import Endpoint, Seat, Transport, forget_inherited
from constellation.errors import WireError
from constellation.log import get_logger
from constellation.transport.address import ActorRef
from messages.base import Message
from messages.lifecycle import HostedActorCreate

log = get_logger(__name__)

EXIT_FAILED = 70  # EX_SOFTWARE: the parent starts the actor again
NO_LOGGER = ""  # falsy, so nothing is sent to it; with None Thespian would wait for a logger


def is_hosted(address: ActorAddress) -> bool:
    """Return whether that actor lives in the process of another."""
    details = address.addressDetails
    return isinstance(details, ActorRef) and details.process_id != details.actor_id


class ActorFailedError(BaseException):
    """An actor in a host has failed, and said why.  Not to be caught on the way to its manager."""


class Replicator:
    """Creates actors, for the admin and for every actor."""

    transport: Transport
    capabilities: dict[str, Any]
    address: ActorAddress
    _child_procs: list[ChildInfo]

    def _startChildActor(
        self,
        childAddr: ActorAddress,
        childClass: type[Actor] | str,
        globalName: str | None,
        parentAddr: ActorAddress,
        notifyAddr: ActorAddress,
        childRequirements: object = None,
        sourceHash: str | None = None,
        sourceToLoad: object = None,
    ) -> None:
        actor_class = loaded_class(childClass)
        if not checkActorCapabilities(actor_class, self.capabilities, childRequirements):
            raise NoCompatibleSystemForActor(actor_class, "this node lacks a required capability")
        endpoint = self.transport.child_endpoint()
        run = partial(_run_actor, actor_class, endpoint, parentAddr, self.capabilities, globalName)
        try:
            child = ChildProcess(run)
        except OSError as error:  # Thespian reports the child as ended, and not why
            log.error("process_not_created", kind=actor_class.__name__, why=error.strerror)  # noqa: TRY400 - expected: no traceback
            raise
        finally:
            endpoint.listener.close()
        instance = childAddr.addressDetails.addressInstanceNum
        info = ChildInfo(childAddr, actor_class, child, instance)
        info.childRealAddr = ActorAddress(endpoint.ref)
        self._child_procs = [*getattr(self, "_child_procs", ()), info]
        self._pendingActorReady(instance, info.childRealAddr)  # type: ignore[attr-defined]

    def _childExited(self, childAddr: ActorAddress) -> None:
        """Forget a child that ended alone in its host.

        All others are forgotten by `childDied`, which reports each of them.  Thespian's own would
        forget all that are dead by now, and report none: a child that died while its parent handled
        the death of another would be missing for ever.
        """
        if is_hosted(childAddr):
            left = [one for one in self._children_known() if one.childRealAddr != childAddr]
            self._child_procs = left

    def _children_known(self) -> list[ChildInfo]:
        return getattr(self, "_child_procs", [])

    def _send_intent(self, intent: TransmitIntent, curtime: object = None) -> None:
        self._send_intent_to_transport(intent)  # type: ignore[attr-defined]


class House:
    """Gives other actors a seat beside the main actor of this process."""

    transport: Transport
    capabilities: dict[str, Any]
    forks = False  # whether actors with a seat may; it must have no threads then

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.hosted: dict[str, HostedActorManager] = {}  # by actor id

    @property
    def main_actor(self) -> Any:
        """The main actor of this process; None if that is not one of ours."""
        return getattr(self, "actorInst", None)

    def seat(self, ref: ActorRef, actor_class: str, parent: ActorAddress) -> None:
        """Start an actor at `ref`, an address of this process, as a child of `parent`.

        Raises:
            InvalidActorSpecification: no class of that name is loaded.
        """
        transport = Transport(Seat(self.transport.loop, ref, partial(self._unseat, ref)))
        manager = HostedActorManager(
            loaded_class(actor_class), None, transport, *_unused(parent, self.capabilities)
        )
        self.hosted[ref.actor_id] = manager
        manager.begin(self)

    def _unseat(self, ref: ActorRef) -> None:
        manager = self.hosted.pop(ref.actor_id, None)
        if manager is not None:
            manager.transport.close()
            if self.main_actor is not None and manager.actorInst is not None:
                self.main_actor.on_seat_changed(manager.actorInst)

    def end_hosted(self) -> None:
        """End the other actors of this process, which ends.  They end together."""
        managers = [*self.hosted.values()]
        for manager in managers:
            manager.end()
        for manager in managers:
            manager.wait_until_ended()


class NodeActorManager(House, Replicator, MultiProcManager):
    """Runs an actor in its process.

    Our own messages, which are most, bypass Thespian's bookkeeping: it formats each for a log that
    is disabled, which costs more than everything else that is done for a message.
    """

    def _createInstance(self) -> None:
        """Create the actor; if that fails, its parent is told.

        Thespian's own would look for arguments that actors here do not have: with `inspect`, which
        takes longer than most actors need, and copies pages of it to each process.
        """
        try:
            self.actorInst = self._actorClass()
        except Exception:  # whatever it is, the parent creates it again
            log.exception("actor_not_created", kind=self._actorClass.__name__)
            self._sayGoodbye()
            return
        self.actorInst._myRef = self

    def actor_send(self, targetAddr: ActorAddress, msg: object) -> None:
        """Send a message of the actor; special cases are left to Thespian."""
        details = targetAddr.addressDetails
        if isinstance(msg, Message) and isinstance(details, ActorRef):
            try:
                if self.transport.send_message(details, msg):
                    return
            except WireError:
                log.debug(
                    "message_not_encoded", kind=type(msg).__name__
                )  # Thespian reports it below
        super().actor_send(targetAddr, msg)

    def handleMessages(self, envelope: ReceiveEnvelope) -> object:
        """Hand a message to the actor.  One of ours that it fails at is not handed to it again."""
        message = envelope.message
        is_ours = isinstance(message, Message | WakeupMessage)
        if not is_ours or self._receiveQueue or self._is_exiting:
            return super().handleMessages(envelope)
        try:
            result = self.actorInst.receiveMessage(message, envelope.sender)
        except Exception:  # of an actor that is no shell: a shell ends itself
            log.exception("message_failed", kind=type(message).__name__)
            self.actor_send(envelope.sender, PoisonMessage(message, traceback.format_exc()))
            result = None
        self.transport.set_watch(result.filenos if isinstance(result, ThespianWatch) else [])
        return True

    # Thespian keeps the addresses of children in a list, and compares one that has ended with all
    # others: of the stop of a parent of hundreds that was most of the work.

    @cached_property
    def _children_by_ref(self) -> dict[ActorRef, ActorAddress]:
        return {}

    @property
    def childAddresses(self) -> list[ActorAddress]:
        """The children that have not ended."""
        return [*self._children_by_ref.values()]

    def _registerChild(self, childAddress: ActorAddress) -> None:
        self._children_by_ref[childAddress.addressDetails] = childAddress

    def _handleChildExited(self, childAddress: ActorAddress) -> bool:
        """Forget a child.  An actor that waits only for its children ends with the last."""
        self.transport.deadAddress(self._addrManager, childAddress)
        self._childExited(childAddress)
        if isinstance(childAddress.addressDetails, ActorRef):  # not of one that was never created
            self._children_by_ref.pop(childAddress.addressDetails, None)
        if not self._is_exiting or self._children_by_ref:
            return True
        if not self._has_said_goodbye:
            self._has_said_goodbye = True
            self._sayGoodbye()
            self.transport.abort_run(drain=True)
        return False

    _has_said_goodbye = False  # a child that ends is reported twice: by itself, and by the kernel

    @property
    def _is_exiting(self) -> bool:
        return bool(getattr(self, "_exiting", False))

    def createActor(
        self,
        newActorClass: type[Actor],
        targetActorRequirements: object,
        globalName: str | None,
        sourceHash: str | None = None,
    ) -> ActorAddress:
        """Create a child, and return the address that is valid everywhere."""
        local = super().createActor(newActorClass, targetActorRequirements, globalName, sourceHash)
        return self._addrManager.exportAddr(local) or local

    def kill_child(self, address: ActorAddress) -> None:
        """Kill the process of a child, if it still runs."""
        with contextlib.suppress(LookupError):  # it has ended already
            self._process_of(address).kill()

    def wake_at(self, at_s: float) -> None:
        """Wake the actor at monotonic time `at_s`, and not at the time set before; inf: never."""
        self.transport.wake_at(at_s)

    host: Actor | None = None  # the main actor of this process, if this one is another

    def claim_name(self, name: str) -> None:
        """Let '@name' address this actor."""
        self.transport.claim_name(name)

    @property
    def has_more_arrived(self) -> bool:
        """Whether received messages wait to be handled."""
        return self.transport.has_arrived

    def has_waited_for(self, thread: threading.Thread, timeout_s: float) -> bool:
        """Wait for a thread of the actor, which stops."""
        thread.join(timeout_s)
        return True

    def thread_ended(self) -> None:
        """The last act of a thread of the actor."""

    def fail(self) -> NoReturn:
        """End this process at once: its actor has failed."""
        os._exit(EXIT_FAILED)

    # Hosts: the parent's side.

    def create_in_host(self, host: ActorAddress, actor_class: type[Actor]) -> ActorAddress:
        """Create a child in the process of `host`, itself a child; messages to it may follow.

        As with `createActor`, a child that could not be created is reported as ended.
        """
        try:
            process = self._process_of(host)
        except LookupError:  # it could not be created, or has just ended
            local: ActorAddress = self._addrManager.createLocalAddress()
            self._retryPendingChildOperations(local.addressDetails.addressInstanceNum, None)
            return local
        # Known at once, so no local address: Thespian keeps those for as long as it runs.
        address = ActorAddress(self.transport.child_seat(host.addressDetails))
        info = ChildInfo(address, actor_class, process, None)
        info.childRealAddr = address
        self._child_procs = [*self._children_known(), info]
        self._registerChild(address)
        named = f"{actor_class.__module__}.{actor_class.__name__}"
        create = HostedActorCreate(actor_class=named, address=str(address.addressDetails))
        self.actor_send(host, create)
        return address

    def _process_of(self, child: ActorAddress) -> ChildProcess:
        for info in self._children_known():
            if info.childRealAddr == child:
                process: ChildProcess = info.childProc
                return process
        raise LookupError(f"{child} is not a child of this actor")


class _Wait(NamedTuple):
    """For a thread of an actor that was told to end."""

    thread: threading.Thread
    by_s: float
    timer: Timer


class HostedActorManager(NodeActorManager):
    """Runs an actor in a process with others."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        atexit.unregister(self._shutdownActor)  # the process ends without such calls
        self.context = contextvars.copy_context()  # it holds what each event of this actor says
        self._wait: _Wait | None = None  # for its thread, since it was told to end
        self._is_waiting = False

    def begin(self, house: House) -> None:
        """Create the actor; from now on it is handed its messages."""
        self.house = house
        self.host = house.main_actor
        self.asLogger = NO_LOGGER
        self.transport.inbox.handle = lambda envelope: self.context.run(
            self.handleMessages, envelope
        )
        self.context.run(self._createInstance)
        if self.actorInst is None:  # logged, and its parent is told
            self.transport.abort_run()

    def end(self) -> None:
        """End the actor before the messages that wait for it: now, or when its thread has ended."""
        request = ReceiveEnvelope(self._parentAddr, ActorExitRequest())
        self.context.run(self.handleMessages, request)

    def has_waited_for(self, thread: threading.Thread, timeout_s: float) -> bool:
        """Return whether a thread of the actor, which stops, has ended or has had its time.

        Neighbours do not wait.  The actor is told to end again when the answer is yes.
        """
        if self._wait is None:
            by_s = time.monotonic() + timeout_s
            self._wait = _Wait(
                thread, by_s, self.transport.loop.reactor.call_at(by_s, self._end_again)
            )
            self._is_waiting = True
            self.transport.set_watch(())
        return not self._is_waiting

    def thread_ended(self) -> None:
        """The last act of a thread of the actor.  Called in it."""
        if self._is_here:
            self.transport.loop.call_soon(self._end_again)

    def wait_until_ended(self) -> None:
        """Wait for the thread of an actor that was told to end, and end the actor."""
        if self._wait is not None:
            self._wait.thread.join(max(0.0, self._wait.by_s - time.monotonic()))
            self._end_again()

    def _end_again(self) -> None:
        if self._wait is not None and self._is_waiting and self._is_here:
            self._is_waiting = False
            self._wait.timer.cancel()
            self.end()

    def _actorExit(self, exitRequest: ActorExitRequest) -> bool:
        return True if self._is_waiting else bool(super()._actorExit(exitRequest))

    @property
    def _is_here(self) -> bool:
        return self.house.hosted.get(self.transport.ref.actor_id) is self

    def handleMessages(self, envelope: ReceiveEnvelope) -> object:
        """Hand a message to the actor; a failure ends this actor, and no other."""
        is_of_ends = isinstance(envelope.message, ActorExitRequest | ChildActorExited)
        if self._is_waiting and not is_of_ends:
            return True  # as one that is exiting
        try:
            return super().handleMessages(envelope)
        except ActorFailedError:
            pass  # said already
        except Exception:  # it asks for what cannot be done, such as to watch a closed file
            log.exception("message_failed", kind=type(envelope.message).__name__)
            with contextlib.suppress(ActorFailedError):
                self.fail()
        self._abandon()
        return True

    def createActor(self, *arguments: Any, **named: Any) -> ActorAddress:
        """Create a child in a process of its own.

        Raises:
            RuntimeError: neighbours may have threads, of which a fork would copy half.
        """
        if not self.house.forks:
            raise RuntimeError("an actor in a host forks no process: it may create neighbours")
        return super().createActor(*arguments, **named)

    def create_neighbour(self, actor_class: type[Actor]) -> ActorAddress:
        """Create a child in the process of this actor."""
        address = ActorAddress(self.transport.loop.next_neighbour())
        self._registerChild(address)
        named = f"{actor_class.__module__}.{actor_class.__name__}"
        self.house.seat(address.addressDetails, named, self.myAddress)
        return address

    def fail(self) -> NoReturn:
        """End this actor, from any thread: unwind what it does now, and tell its parent.

        Processes that it has forked must end with it: then all of this process does.
        """
        if self.house.forks:
            super().fail()
        if threading.current_thread() is not threading.main_thread():
            self.transport.loop.call_soon(partial(self.context.run, self._abandon))
        raise ActorFailedError

    def _abandon(self) -> None:
        if not self._is_here:
            return  # it has ended; one that waits for the ends of its children has not
        self._exiting = True
        self.transport.set_watch(())
        self.actorInst.on_abandoned()
        for child in self.childAddresses:  # as processes end with their parent
            neighbour = self.house.hosted.get(child.addressDetails.actor_id)
            if neighbour is not None:
                neighbour._abandon()
        self._sayGoodbye()
        self.transport.abort_run()


def _run_actor(
    actor_class: type[Actor],
    endpoint: Endpoint,
    parent: ActorAddress,
    capabilities: dict[str, Any],
    global_name: str | None,
) -> None:
    forget_inherited()
    transport = Transport(endpoint)
    manager = NodeActorManager(actor_class, global_name, transport, *_unused(parent, capabilities))
    manager.asLogger = NO_LOGGER
    signal.signal(signal.SIGCHLD, manager.signalChildDied)
    manager.run()
    transport.close()


def _unused(parent: ActorAddress, capabilities: dict[str, Any]) -> tuple[Any, ...]:
    """Return a manager's further arguments, most of them for what does not exist here."""
    admin = Transport.getAdminAddr(capabilities)
    return None, None, parent, admin, None, capabilities, None, None


def loaded_class(named: type[Actor] | str) -> type[Actor]:
    """Return an actor class, if need be by its dotted name.

    Raises:
        InvalidActorSpecification: no such class is loaded; nothing is imported for it.
    """
    if isinstance(named, str):
        module, _, name = named.rpartition(".")
        found = getattr(sys.modules.get(module), name, None)
    else:
        found = named
    if not isinstance(found, type) or not issubclass(found, Actor):
        raise InvalidActorSpecification(named, "no actor class of that name is loaded")
    return found
