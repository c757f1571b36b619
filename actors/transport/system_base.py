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

import signal
from functools import partial
from typing import Any

from setproctitle import setproctitle
from thespian.actors import ActorAddress
from thespian.system.multiprocCommon import MultiProcAdmin
from thespian.system.systemBase import ExternalOpsToActors, systemBase
from thespian.system.transport import (
    ReceiveEnvelope,
)
from thespian.system.utilis import thesplog_control

from actors.transport.delivery import TransportSettings
from actors.transport.managers import NO_LOGGER, House, Replicator, loaded_class
from actors.transport.process import ChildProcess
from actors.transport.transport import (
    NODE_CAPABILITY,
    Endpoint,
    External,
    Transport,
    forget_inherited,
)
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.transport.address import ADMIN_ID

log = get_logger(__name__)

TITLE_CAPABILITY = "Constellation Title"  # prefix of the process titles of the node
_CRITICAL = 50


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


class NodeAdmin(House, Replicator, MultiProcAdmin):
    """Listens for the node.  Its process has a seat for the supervisor, which ends with it anyway.

    An actor asks for that seat by `lives_with_listener`.
    """

    forks = True

    def _startChildActor(
        self, childAddr: ActorAddress, childClass: Any, *arguments: Any, **named: Any
    ) -> None:
        actor_class = loaded_class(childClass)
        if not getattr(actor_class, "lives_with_listener", False):
            super()._startChildActor(childAddr, actor_class, *arguments, **named)
            return
        ref = self.transport.loop.next_neighbour()
        name = f"{actor_class.__module__}.{actor_class.__name__}"
        self.seat(ref, name, self.transport.myAddress)
        self._pendingActorReady(childAddr.addressDetails.addressInstanceNum, ActorAddress(ref))

    def childDied(self) -> bool:
        """Find out which processes have ended; those of the supervisor are children of this one."""
        for manager in [*self.hosted.values()]:
            manager.context.run(manager.childDied)
        return bool(super().childDied())

    def handleIncoming(self, envelope: ReceiveEnvelope) -> object:
        """Handle one message; a failure loses the message, not the node."""
        try:
            return super().handleIncoming(envelope)
        except Exception:
            kind = type(envelope.message).__name__
            log.exception("system_message_failed", kind=kind, source=str(envelope.sender))
            return True

    def _cleanupAdmin(self, finish_cleanup: Any) -> None:
        finish_cleanup()  # there is no logger process to end


def _run_admin(endpoint: Endpoint, capabilities: dict[str, Any]) -> None:
    forget_inherited()
    setproctitle(f"{capabilities[TITLE_CAPABILITY]} actor-system")
    transport = Transport(endpoint)
    admin = NodeAdmin(transport, transport.myAddress, capabilities, None, None)
    admin.asLogger = NO_LOGGER
    signal.signal(signal.SIGCHLD, admin.signalChildDied)
    admin._activate()
    admin.run()
    transport.close()


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
