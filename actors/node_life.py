"""One life of a node's actor system, as the guardian sees it from outside."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta

from thespian.actors import ActorAddress, ActorSystem
from thespian.system.messages.admin import QueryAck, QueryExists, SystemShutdown
from thespian.system.transport import ReceiveEnvelope

from actors import node
from actors.adapters.listening import listen_on
from actors.adapters.node_directory import NodeDirectories
from actors.adapters.tailnet_address import find_seed_hosts
from actors.supervisor import SupervisorActor
from actors.transport.delivery import TransportSettings
from actors.transport.process import end_leftovers, reap, start_time_ticks
from actors.transport.system_base import NodeSystemBase
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.settings.agent import Settings
from constellation.settings.listeners import Listener
from messages.base import Message
from messages.lifecycle import (
    ActorPing,
    ActorPong,
    ActorStart,
    ActorStarted,
    SupervisorFailed,
    SupervisorStart,
    SupervisorStarted,
    SupervisorStatus,
    SupervisorStatusRequest,
    SupervisorStop,
    SupervisorStopped,
)

log = get_logger(__name__)

POLL_S = 0.1  # where the kernel does not tell when a process ends
STOP_TIMEOUT_S = 4.3  # so that the whole stop takes less than 5 s
LAST_WORDS_S = 0.2

OnReady = Callable[[tuple[str, ...]], None]  # with the names of actors that do not run yet


class NodeLife:
    """The actor system, the supervisor in it, and how they are."""

    def __init__(self, settings: Settings, directories: NodeDirectories) -> None:
        """Start it, with the supervisor in it.

        Raises:
            AdapterError: the port is taken, or the processes do not start.
        """
        self.settings = settings
        self.directories = directories
        transport = TransportSettings(
            host=settings.bind_address,
            port=settings.actors.port,
            cluster_key=node.cluster_key(),
            runtime_dir=directories.runtime_dir,
            listener=listen_on(
                Listener("actors.port", settings.bind_address, settings.actors.port)
            ),
            user_timeout_s=settings.actors.user_timeout_s,
            peer_queue_bytes_max=settings.actors.peer_queue_bytes_max,
        )
        self.base = NodeSystemBase(
            transport,
            title=f"constellation: {settings.node_name}",
            leaders=convention_leaders(settings),
        )
        self.system = ActorSystem(systemBase=self.base, transientUnique=True)
        self.supervisor: ActorAddress = self.system.createActor(SupervisorActor)
        self.supervisor_process: tuple[int, int | None] | None = None  # id and start time
        self.failure: SupervisorFailed | None = None  # why starting the actors again is no cure
        self._process_files: list[int] = []
        self._polls = False  # the end of a process does not wake this one
        self._wake_at_end_of(self.base.admin_process.process_id)
        self._heard_at_s = dict.fromkeys(("supervisor", "actor-system"), time.monotonic())
        guardian = str(self.base.transport.myAddress.addressDetails)
        self._send(ActorStart(name="supervisor", supervisor=guardian))

    def watch(self, is_signalled: Callable[[], bool], on_ready: OnReady) -> str | None:
        """Return None when signalled, else why this life must end.

        With `failure` set, the supervisor still works, and can end its actors in order.
        """
        supervision = self.settings.supervisor
        pinged_at_s = time.monotonic()
        ready_by_s: float | None = pinged_at_s + supervision.start_timeout_s
        while not is_signalled():
            ping_s = pinged_at_s + supervision.ping_interval_s
            dues_s = (ping_s, ready_by_s or math.inf, self._hangs_at_s)
            match self._receive(until_s=min(dues_s)):
                case ActorStarted(process_id=process_id):
                    self.supervisor_process = process_id, start_time_ticks(process_id)
                    self._wake_at_end_of(process_id)
                    self._send(SupervisorStart())
                case SupervisorStarted() if ready_by_s is not None:
                    ready_by_s = None
                    on_ready(())
                case SupervisorFailed() as failure:
                    self.failure = failure
                    return failure.why
                case SupervisorStatus(actors=actors):
                    on_ready(tuple(one.name for one in actors if one.state != "running"))
                case _:
                    pass
            now_s = time.monotonic()
            if ready_by_s is not None and now_s >= ready_by_s:
                ready_by_s = None
                self._send(SupervisorStatusRequest())
            if now_s >= ping_s:
                pinged_at_s = now_s
                self._ping()
            if why := self._death(now_s):
                return why
        return None

    def stop(self, is_impatient: Callable[[], bool]) -> tuple[str, ...]:
        """End the actors in order; return the names of those that did not end."""
        self._send(SupervisorStop())
        give_up_at_s = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < give_up_at_s and not is_impatient():
            answer = self._receive(until_s=give_up_at_s)
            if isinstance(answer, SupervisorStopped):
                self._say_goodbye()
                return answer.unended
            if self._death(time.monotonic()):
                break
        return ("supervisor",)

    def wake(self) -> None:
        """Make `watch` and `stop` look at once whether they are to end.  For signal handlers."""
        self.base.transport.interrupt_wait(check_children=True)

    def close(self) -> None:
        """Kill what is left."""
        self.base.close()
        for file in self._process_files:
            os.close(file)
        self._process_files.clear()
        end_leftovers(self.directories.runtime_dir)
        reap()

    def _say_goodbye(self) -> None:
        """Let the admin process leave the convention; wait for it only briefly."""
        self.system.tell(self.base.adminAddr, SystemShutdown())
        deadline_s = time.monotonic() + LAST_WORDS_S
        while self.base.admin_process.is_alive() and time.monotonic() < deadline_s:
            self.base.transport.run(None, timedelta(seconds=0.02))

    def _ping(self) -> None:
        self._send(ActorPing(seq_no=0))
        self.system.tell(self.base.adminAddr, QueryExists())

    def _wake_at_end_of(self, process_id: int) -> None:
        """Wake at once when a process ends, whoever its parent is."""
        try:
            file = os.pidfd_open(process_id)
        except OSError:  # it has ended already, or the kernel is older than 5.3
            self._polls = True
            return
        self._process_files.append(file)
        self.base.transport.wake_when_readable(file)

    def _receive(self, until_s: float) -> Message | None:
        """Return a message, or None at `until_s`, or when there is something to look at."""
        wait_s = max(0.0, until_s - time.monotonic())
        if self._polls:
            wait_s = min(wait_s, POLL_S)
        received = self.base.transport.run(None, timedelta(seconds=wait_s))
        if not isinstance(received, ReceiveEnvelope):
            return None
        message = received.message
        if isinstance(message, ActorPong):
            self._heard_at_s["supervisor"] = time.monotonic()
        elif isinstance(message, QueryAck):
            self._heard_at_s["actor-system"] = time.monotonic()
        elif isinstance(message, Message):
            return message
        return None

    def _death(self, now_s: float) -> str | None:
        reap()
        if not self.base.admin_process.is_alive():
            return "the process of the actor system ended"
        if self.supervisor_process is not None:
            process_id, started = self.supervisor_process
            if start_time_ticks(process_id) != started:
                return "the supervisor's process ended"
        if now_s >= self._hangs_at_s:
            silent = min(self._heard_at_s, key=lambda name: self._heard_at_s[name])
            return f"the {silent} did not answer for {self._patience_s:g} s"
        return None

    @property
    def _patience_s(self) -> float:
        supervision = self.settings.supervisor
        return supervision.ping_interval_s + supervision.ping_timeout_s

    @property
    def _hangs_at_s(self) -> float:
        return min(self._heard_at_s.values()) + self._patience_s

    def _send(self, message: Message) -> None:
        self.system.tell(self.supervisor, message)


def convention_leaders(settings: Settings) -> list[str]:
    """Return the actor systems to meet, 'address:port': as set, or on the hosts of the seeds.

    Those in the tailnet are found now; one that comes later finds us.
    """
    hosts = [seed.rpartition(":")[0] for seed in settings.gossip.seeds]
    hosts += _tailnet_hosts(settings)
    named = settings.actors.leaders or tuple(f"{host}:{settings.actors.port}" for host in hosts)
    found = dict.fromkeys(address for one in named for address in _addresses(one))
    return list(found)


def _tailnet_hosts(settings: Settings) -> list[str]:
    if not settings.discovers_in_tailnet or settings.actors.leaders:
        return []
    try:
        hosts = find_seed_hosts(settings)
    except AdapterError as error:
        log.debug("tailnet_not_asked", why=error.why)  # its actor says so, for a person
        return []
    return [f"[{host}]" if ":" in host else host for host in hosts]


def _addresses(host_port: str) -> list[str]:
    """Return `host_port` with its name looked up: the actor system itself never waits for DNS."""
    host, _, port = host_port.rpartition(":")
    try:
        rows = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        log.warning("leader_not_resolved", leader=host_port, error=error.strerror or str(error))
        return []
    found = (str(row[4][0]) for row in rows)
    return [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in found]
