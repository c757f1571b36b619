"""The actor system of a node: its admin process, and children by fork.

It replaces Thespian's `multiprocTCPBase`, with these differences:

- A child's socket is created before the fork, so messages can be sent to its address at once:
  there is no handshake with a new process, and nothing sent to it is lost.
- Processes stay in the agent's session and are killed with their parent: no daemon, no orphan.
- There is no logger process: every process logs by itself, as `constellation.log` configures it.
- Thespian's rate limit on sending does not exist: each queue has its own limit.
- A class named in a request is looked up among the loaded ones; a message never causes an import.
"""

from __future__ import annotations

import math
import signal
import sys
import traceback
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from setproctitle import setproctitle
from thespian.actors import (
    Actor,
    ActorAddress,
    InvalidActorSpecification,
    NoCompatibleSystemForActor,
    PoisonMessage,
    ThespianWatch,
    WakeupMessage,
)
from thespian.system.multiprocCommon import (
    ChildInfo,
    MultiProcAdmin,
    MultiProcManager,
)
from thespian.system.systemBase import ExternalOpsToActors, systemBase
from thespian.system.transport import (
    ReceiveEnvelope,
    TransmitIntent,
)
from thespian.system.utilis import checkActorCapabilities, thesplog_control

from actors.metrics_report import metrics_report
from actors.transport.delivery import TransportSettings
from actors.transport.process import ChildProcess
from actors.transport.reactor import NEVER, Timer
from actors.transport.stats import TransportCollector
from actors.transport.transport import (
    NODE_CAPABILITY,
    Endpoint,
    External,
    Transport,
    forget_inherited,
)
from constellation.errors import AdapterError, WireError
from constellation.log import get_logger
from constellation.transport.address import ACTOR_SYSTEM, ADMIN_ID, ActorRef
from messages.base import Message
from messages.metrics import MetricsRequest

log = get_logger(__name__)

TITLE_CAPABILITY = "Constellation Title"  # prefix of the process titles of the node
_CRITICAL = 50
_NO_LOGGER = ""  # falsy, so nothing is sent to it; with None Thespian would wait for a logger


class NodeSystemBase(systemBase):
    """Starts the actor system of this node, as the base of `ActorSystem`."""

    def __init__(
        self,
        settings: TransportSettings,
        *,
        title: str,
        leaders: list[str],
    ) -> None:
        """Fork the admin process.

        Raises:
            AdapterError: it does not answer.
        """
        _quieten_thespian()
        capabilities = _capabilities(settings, leaders, title)
        self.transport = Transport(External(settings))
        ExternalOpsToActors.__init__(self, Transport.getAdminAddr(capabilities))
        endpoint = Endpoint(settings, ADMIN_ID)
        self.admin_process = ChildProcess(partial(_run_admin, endpoint, capabilities))
        endpoint.listener.close()
        if settings.listener is not None:
            settings.listener.close()  # the admin process has its own copy
        if not self._verifyAdminRunning():
            self.admin_process.kill()
            self.transport.close()
            raise AdapterError(
                "the actor system did not start",
                why=f"its process {self.admin_process.process_id} does not answer",
                fix="see the events logged before this one",
            )

    def close(self) -> None:
        """Kill the admin process, and with it all other processes of the node."""
        self.admin_process.kill()
        self.transport.close()


class OperatorSystemBase(systemBase):
    """Talks to the actor system of a node from outside, over its authenticated listener."""

    def __init__(self, settings: TransportSettings) -> None:
        _quieten_thespian()
        self.transport = Transport(External(settings))
        admin = ActorAddress(ActorRef(settings.host, settings.port, ADMIN_ID))
        ExternalOpsToActors.__init__(self, admin)

    def close(self) -> None:
        """Close the connection."""
        self.transport.close()


class _Replicator:
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
        actor_class = _loaded_class(childClass)
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
        """Do nothing: `childDied` forgets dead children, and reports each of them.

        Thespian's own would forget all that are dead by now, and report none: a child that died
        while its parent handled the death of another would be missing for ever.
        """

    def _send_intent(self, intent: TransmitIntent, curtime: object = None) -> None:
        self._send_intent_to_transport(intent)  # type: ignore[attr-defined]


class NodeAdmin(_Replicator, MultiProcAdmin):
    """The process that listens for the node, and the parent of its supervisor.

    It counts what strangers send to the node, and reports its metrics as every actor does.
    """

    def measure(self) -> None:
        """Begin to count."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(TransportCollector())

    def handleIncoming(self, envelope: ReceiveEnvelope) -> object:
        """Handle one message; a failure loses the message, not the node."""
        try:
            match envelope.message:
                case MetricsRequest(number=number):
                    report = metrics_report(ACTOR_SYSTEM, self._registry, number=number)
                    self._send_intent(TransmitIntent(envelope.sender, report))
                    return True
                case _:
                    return super().handleIncoming(envelope)
        except Exception:
            kind = type(envelope.message).__name__
            log.exception("system_message_failed", kind=kind, source=str(envelope.sender))
            return True

    def _cleanupAdmin(self, finish_cleanup: Any) -> None:
        finish_cleanup()  # there is no logger process to end


class NodeActorManager(_Replicator, MultiProcManager):
    """Runs an actor in its process.

    Our own messages, which are most, bypass Thespian's bookkeeping: it formats each for a log that
    is disabled, which costs more than everything else that is done for a message.
    """

    _wakeup: Timer = NEVER

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

    def wake_at(self, at_s: float) -> None:
        """Wake the actor at monotonic time `at_s`, and not at the time set before; inf: never."""
        self._wakeup.cancel()
        self._wakeup = NEVER if at_s == math.inf else self.transport.wake_at(at_s)

    def handleMessages(self, envelope: ReceiveEnvelope) -> object:
        """Hand a message to the actor.  One of ours that it fails at is not handed to it again."""
        message = envelope.message
        if (
            not isinstance(message, Message | WakeupMessage)
            or self._receiveQueue
            or self._is_exiting
        ):
            return super().handleMessages(envelope)
        try:
            result = self.actorInst.receiveMessage(message, envelope.sender)
        except Exception:
            log.exception("message_failed", kind=type(message).__name__)
            self.actor_send(envelope.sender, PoisonMessage(message, traceback.format_exc()))
            result = None
        self.transport.set_watch(result.filenos if isinstance(result, ThespianWatch) else [])
        return True

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
        for info in getattr(self, "_child_procs", ()):
            if info.childRealAddr == address:
                info.childProc.kill()


def _run_admin(endpoint: Endpoint, capabilities: dict[str, Any]) -> None:
    forget_inherited()
    setproctitle(f"{capabilities[TITLE_CAPABILITY]} {ACTOR_SYSTEM}")
    transport = Transport(endpoint)
    admin = NodeAdmin(transport, transport.myAddress, capabilities, None, None)
    admin.asLogger = _NO_LOGGER
    signal.signal(signal.SIGCHLD, admin.signalChildDied)
    admin._activate()
    admin.measure()
    admin.run()
    transport.close()


def _run_actor(
    actor_class: type[Actor],
    endpoint: Endpoint,
    parent: ActorAddress,
    capabilities: dict[str, Any],
    global_name: str | None,
) -> None:
    forget_inherited()
    transport = Transport(endpoint)
    manager = NodeActorManager(
        actor_class,
        global_name,
        transport,
        None,
        None,
        parent,
        Transport.getAdminAddr(capabilities),
        None,
        capabilities,
        None,
        None,
    )
    manager.asLogger = _NO_LOGGER
    signal.signal(signal.SIGCHLD, manager.signalChildDied)
    manager.run()
    transport.close()


def _loaded_class(named: type[Actor] | str) -> type[Actor]:
    if isinstance(named, str):
        module, _, name = named.rpartition(".")
        found = getattr(sys.modules.get(module), name, None)
    else:
        found = named
    if not isinstance(found, type) or not issubclass(found, Actor):
        raise InvalidActorSpecification(named, "no actor class of that name is loaded")
    return found


def _capabilities(settings: TransportSettings, leaders: list[str], title: str) -> dict[str, Any]:
    return {
        NODE_CAPABILITY: f"{settings.host}:{settings.port}",
        TITLE_CAPABILITY: title,
        "Convention Address.IPv4": leaders,
        "AllowRemoteActorSources": "no",
    }


def _quieten_thespian() -> None:
    # Its internal log is a file shared by all programs of a machine; what matters to an operator is
    # also logged through `logging`.
    thesplog_control(_CRITICAL, useLogging=False, tmpFileMaxSize=0)
