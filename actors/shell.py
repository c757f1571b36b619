"""What every actor shell shares: start, neighbours, the cluster, time, metrics, stop, and failure.

A shell overrides `on_start`, `on_actor_up`, `on_stop` and adds `receiveMsg_<Message>`.  It
addresses actors of its own node by name, `self.post("gossip", message)`, and actors of any node
by node and name, `self.send_to("beta", "raft", message)`.

If time alone makes it act, `next_due_s` says when, and `on_due` is called then.  No shell is called
in intervals: one that has nothing to do costs nothing.

Failure policy: an expected failure is an `AdapterError`, caught where the adapter is called, and
reported.  Anything else that a handler raises ends the actor at once, after one log event with the
traceback: its process, with exit code 70, or in a host this actor alone.  State may be half changed
by then, and Thespian would run the handler again on it; a restarted actor begins from durable
state.  The supervisor starts it again.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, NoReturn

from prometheus_client import CollectorRegistry, Gauge
from setproctitle import setproctitle
from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorSystemMessage,
    ActorTypeDispatcher,
    ChildActorExited,
    PoisonMessage,
    ThespianWatch,
    WakeupMessage,
    WatchMessage,
)

from actors import node
from actors.metrics_report import metrics_report
from actors.shell_counters import ShellCounters
from constellation.cluster_view import ClusterView
from constellation.effects import Note, Send
from constellation.lateness import Lateness
from constellation.leases.clock import BootSeconds
from constellation.log import bind_log_context, get_logger
from constellation.peers import actor_systems
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from constellation.wire import decode
from messages.base import Message
from messages.gossip import ClusterChanged, ClusterSubscribe, ServicesScope
from messages.lifecycle import (
    ActorDirectory,
    ActorPing,
    ActorPong,
    ActorStart,
    ActorStarted,
    ActorYield,
    ActorYielded,
)
from messages.metrics import MetricsRequest
from messages.operator import Relayed

log = get_logger(__name__)

CLUSTER_ACTOR = "gossip"
SUBSCRIBE_SPACING_S = 1.0  # between two requests for a snapshot that does not arrive
READERS_MAX = 64  # of one actor
YIELD_TIMEOUT_S = 0.6  # an actor that has not handed over by then is not waited for
ARM_TOLERANCE_S = 0.0005  # a deadline that moves by less is not armed anew
CALL_SPACING_S = 0.01  # between two calls of `on_due`: what is due meanwhile is done together


class ShellActor(ActorTypeDispatcher):
    """Base of all shells.  Holds no protocol state; subclasses hold exactly one core."""

    services_followed: ServicesScope = "all"  # of the cluster, by `follow_cluster`
    is_addressable = True  # by its name, also from other nodes
    has_own_thread = False  # beside that of its process, in which it answers pings

    def __init__(self) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.directory: dict[str, ActorAddress] = {}
        self.supervisor: ActorAddress | None = None
        self.view = ClusterView()  # of the cluster, once `follow_cluster` was called
        self.follows_cluster = False
        self._snapshot_due_at_s: float | None = None  # to be requested again; None: it arrived
        self._actor_systems: dict[str, tuple[str, int]] = {}  # of the other nodes, by node
        self.readers: dict[str, ActorAddress] = {}  # subscribed actors of this node, by address
        self._asked_to_yield_at_s: float | None = None
        self._called_at_s = -math.inf  # when `on_due` was called last
        self._is_ending = False
        self.lateness = Lateness()
        self.late_s = 0.0  # by how much the present call of `on_due` is late
        self._handlers: dict[type, Callable[[Any, ActorAddress], Any]] = {}

    # What subclasses override.

    @classmethod
    def preload(cls, settings: Settings) -> None:
        """Import what only some settings need, before any process is forked."""

    def on_start(self) -> None:
        """Begin.  `self.name` and the settings are known; neighbours may not be up yet."""

    def on_actor_up(self, name: str) -> None:
        """Actor `name` of this node has started, or started again and knows nothing."""

    def next_due_s(self) -> float:
        """Return when `on_due` must be called next, in seconds of `now_s`; inf: not at all.

        Asked after each message: it may have moved.
        """
        return math.inf

    def on_due(self, now_s: float) -> None:
        """Do what is due.  Nothing may be, if it was called for another reason.

        `self.late_s` says by how much the call is late, and `self.lateness` how patient to be.
        """

    def on_caught_up(self) -> None:
        """All messages that have arrived are handled: do the work that was deferred until then."""

    def on_actor_gone(self, address: str) -> None:
        """The actor of this node with that `address_text` has ended."""

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        """`self.view` was `before` and now has `change` applied.  Needs `follow_cluster`."""

    def begin_to_yield(self, now_s: float) -> None:
        """This node stops: begin to hand over what another node can do."""

    def has_yielded(self, now_s: float) -> bool:
        """Return whether everything is handed over.  Asked after each message."""
        return True

    def measure(self) -> None:
        """Set the metrics that are only computed when they are asked for."""

    def unlisted_actors(self) -> dict[str, ActorAddress]:
        """Return the actors with metrics that only this one knows, by name."""
        return {}

    def on_stop(self) -> None:
        """Release what the process's end would not release.

        Called again after `_myRef.has_waited_for` has said no.
        """

    def on_seat_changed(self, actor: ShellActor) -> None:
        """In the main actor of a host: `actor` has started or ended.  Hundreds may at once."""

    def on_abandoned(self) -> None:
        """In a host: this actor has failed.  Let go of threads and files; touch nothing else."""

    def watched_files(self) -> list[int]:
        """Return the file descriptors to watch; `on_readable` is called when one can be read."""
        return []

    def on_readable(self, ready: list[int]) -> None:
        """The descriptors `ready`, of `watched_files`, can be read."""

    # What subclasses use.

    @cached_property
    def registry(self) -> CollectorRegistry:
        """The metrics of this actor.  Most actors in a host have none, and so none is created."""
        return CollectorRegistry()

    @cached_property
    def counters(self) -> ShellCounters:
        """What is counted once in each process."""
        host = self._myRef.host
        return ShellCounters(self.registry) if host is None else host.counters

    def now_s(self) -> float:
        """Return monotonic seconds: the clock of every core that does not act on a lease."""
        return time.monotonic()

    @staticmethod
    def boot_now_s() -> BootSeconds:
        """Return seconds since boot, including time asleep: the clock of leases, and only theirs.

        A suspended machine stops CLOCK_MONOTONIC, so a lease measured on it would outlive itself.
        """
        return BootSeconds(time.clock_gettime(time.CLOCK_BOOTTIME))

    @property
    def unsaved(self) -> Gauge:
        """1 for each file of the data directory that is older than what its actor knows."""
        return self.counters.unsaved

    def add_reader(self, sender: ActorAddress) -> bool:
        """Subscribe an actor of this node until it ends; False and logged if there are too many."""
        reader = self.address_text(sender)
        if reader not in self.readers and len(self.readers) >= READERS_MAX:
            log.error("subscriber_refused", reader=reader, limit=READERS_MAX)
            return False
        self.readers[reader] = sender
        return True

    def send_to_readers(self, message: Message) -> None:
        """Send `message` to every subscribed actor."""
        for reader in self.readers.values():
            self.send(reader, message)

    def follow_cluster(self) -> None:
        """Keep `self.view` up to date from now on: subscribe to gossip, again after a gap."""
        self.follows_cluster = True
        if CLUSTER_ACTOR in self.directory:
            self._request_snapshot()

    def _request_snapshot(self) -> None:
        self._snapshot_due_at_s = self.now_s() + SUBSCRIBE_SPACING_S
        self.post(CLUSTER_ACTOR, ClusterSubscribe(services=self.services_followed))

    def _request_snapshot_again(self, now_s: float) -> None:
        """Repeat a request whose snapshot has not arrived: either message may be lost."""
        if now_s >= self._snapshot_retry_s:
            self._request_snapshot()

    @property
    def _snapshot_retry_s(self) -> float:
        due_at_s = self._snapshot_due_at_s
        return math.inf if due_at_s is None or CLUSTER_ACTOR not in self.directory else due_at_s

    def send_to(self, node_name: str, actor: str, message: Message) -> bool:
        """Send `message` to the actor named `actor` of a node; False and counted if it cannot be.

        Needs `follow_cluster`.  The message may still be lost on the way.
        """
        if node_name == node.settings().node_name:
            return self.post(actor, message)
        address = self._actor_systems.get(node_name)
        if address is None:
            self.counters.unsent.labels(actor).inc()
            return False
        self.send(remote_address(*address, actor), message)
        return True

    def is_at(self, node_name: str, sender: ActorAddress) -> bool:
        """Return whether `sender` is an actor of the node called `node_name`."""
        settings = node.settings()
        if node_name == settings.node_name:
            known: tuple[str, int] | None = (settings.bind_address, settings.actors.port)
        else:
            known = self._actor_systems.get(node_name)
        return bool(known == sender.addressDetails.node)

    def post(self, to: str, message: Message) -> bool:
        """Send `message` to the local actor named `to`; False and counted if none runs."""
        address = self.directory.get(to)
        if address is None:
            self.counters.unroutable.labels(to.partition("/")[0]).inc()
            return False
        self.send(address, message)
        return True

    def perform(self, effect: Send | Note) -> None:
        """Perform one of the effects that all cores share."""
        match effect:
            case Send(to, message):
                self.post(to, message)
            case Note(event, fields, level):
                self.counters.events.labels(event).inc()
                getattr(log, level)(event, **fields)

    def kill_child(self, address: ActorAddress) -> None:
        """Kill the process of a child actor; `on_child_exited` is called as after any exit."""
        self._myRef.kill_child(address)

    @staticmethod
    def address_text(address: ActorAddress) -> str:
        """Return an actor's address as messages carry it."""
        return str(address.actorAddressString)

    @staticmethod
    def address_of(text: str) -> ActorAddress:
        """Return the address that `address_text` wrote."""
        return ActorAddress(ActorRef.parse(text))

    # Thespian's side.

    def receiveMessage(self, message: Any, sender: ActorAddress) -> ThespianWatch | None:
        """Dispatch by class name.  Thespian forgets the watch after every message: renew it."""
        try:
            self._dispatch(message, sender)
            is_caught_up = not self._myRef.has_more_arrived
            if is_caught_up:
                self.on_caught_up()
            self._answer_yield()
            if is_caught_up:
                self._arm()
        except Exception as error:
            self.fail(type(message).__name__, error)
        files = self.watched_files()
        return ThespianWatch(files) if files else None

    def _dispatch(self, message: Any, sender: ActorAddress) -> None:
        handler = self._handlers.get(type(message))
        if handler is None and isinstance(message, (Message, WakeupMessage)):
            handler = getattr(self, f"receiveMsg_{type(message).__name__}", None)
            handler = handler or self.receiveUnrecognizedMessage
            self._handlers[type(message)] = handler
        if handler is None:
            super().receiveMessage(message, sender)
        else:
            handler(message, sender)

    def receiveMsg_Relayed(self, message: Relayed, sender: ActorAddress) -> None:
        """Handle an operator's request as if it had come from who asked."""
        request = decode(message.request, source=self.address_text(sender))
        self._dispatch(request, self.address_of(message.asker))

    def fail(self, what: str, error: BaseException | None) -> NoReturn:
        """End this actor: `error` was not expected (see the failure policy above)."""
        log.error("actor_failed", what=what, error=repr(error), exc_info=error)
        self._myRef.fail()
        raise AssertionError("unreachable")

    def receiveMsg_ActorStart(self, message: ActorStart, sender: ActorAddress) -> None:
        self.name = message.name
        self.supervisor = self.address_of(message.supervisor)
        settings = node.settings()
        bind_log_context(actor=self.name)
        if self._myRef.host is None:
            setproctitle(f"constellation: {settings.node_name} {self.name}")
        else:
            self._myRef.host.on_seat_changed(self)
        if self.is_addressable:
            self._myRef.claim_name(self.name)
        self.counters  # noqa: B018 - of this process, from its start
        self.on_start()
        self.send(sender, ActorStarted(name=self.name, process_id=os.getpid()))

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        before = {name: self.address_text(address) for name, address in self.directory.items()}
        self.directory = {entry.name: self.address_of(entry.address) for entry in message.entries}
        for address in set(before.values()) - {entry.address for entry in message.entries}:
            self.readers.pop(address, None)
            self.on_actor_gone(address)
        for entry in message.entries:
            if entry.name != self.name and before.get(entry.name) != entry.address:
                if entry.name == CLUSTER_ACTOR and self.follows_cluster:
                    self._request_snapshot()
                self.on_actor_up(entry.name)

    def receiveMsg_ClusterChanged(self, message: ClusterChanged, sender: ActorAddress) -> None:
        before = self.view
        self.view = before.apply(message)
        if message.snapshot:
            self._snapshot_due_at_s = None
        if self.view.gap:
            if not before.gap:
                self._request_snapshot()
        elif self.view is not before:
            self._actor_systems = actor_systems(self.view)
            self.on_cluster_changed(before, message)

    def receiveMsg_ActorYield(self, message: ActorYield, sender: ActorAddress) -> None:
        self._asked_to_yield_at_s = self.now_s()
        self.begin_to_yield(self._asked_to_yield_at_s)

    def _answer_yield(self) -> None:
        if self._asked_to_yield_at_s is None or self.supervisor is None:
            return
        now_s = self.now_s()
        if self.has_yielded(now_s) or now_s >= self._yield_until_s:
            self._asked_to_yield_at_s = None
            self.send(self.supervisor, ActorYielded(name=self.name))

    @property
    def _yield_until_s(self) -> float:
        asked_at_s = self._asked_to_yield_at_s
        return math.inf if asked_at_s is None else asked_at_s + YIELD_TIMEOUT_S

    def receiveMsg_ActorPing(self, message: ActorPing, sender: ActorAddress) -> None:
        self.send(sender, ActorPong(name=self.name, seq_no=message.seq_no))

    def receiveMsg_MetricsRequest(self, message: MetricsRequest, sender: ActorAddress) -> None:
        if not self.is_at(node.settings().node_name, sender):
            return  # it is for the page of this node, and `asker` could name anyone
        asker = self.address_of(message.asker) if message.asker else sender
        unlisted = self.unlisted_actors()
        if unlisted:
            passed_on = message.model_copy(update={"asker": self.address_text(asker)})
            for address in unlisted.values():
                self.send(address, passed_on)
        self.measure()
        registry = self.registry if "registry" in self.__dict__ else None
        number = message.number
        self.send(asker, metrics_report(self.name, registry, number=number, passed_on_to=unlisted))

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: ActorAddress) -> None:
        now_s = self.now_s()
        self.late_s = self.lateness.woken(now_s)
        self.lateness.expect(math.inf)
        self._called_at_s = now_s
        self._request_snapshot_again(now_s)
        self.on_due(now_s)

    def _arm(self) -> None:
        """Ask to be woken at the earliest deadline, unless a wakeup is on its way already."""
        now_s = self.now_s()
        if self.supervisor is None or self._is_ending or self.lateness.due_s <= now_s:
            return
        due_s = min(self.next_due_s(), self._snapshot_retry_s, self._yield_until_s)
        due_s = max(due_s, now_s, self._called_at_s + CALL_SPACING_S)
        if abs(due_s - self.lateness.due_s) > ARM_TOLERANCE_S:
            self.lateness.expect(due_s)
            self._myRef.wake_at(due_s)

    def receiveMsg_WatchMessage(self, message: WatchMessage, sender: ActorAddress) -> None:
        self.on_readable(list(message.ready))

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: ActorAddress) -> None:
        self._is_ending = True
        self.on_stop()

    def receiveMsg_ChildActorExited(self, message: ChildActorExited, sender: ActorAddress) -> None:
        self.on_child_exited(message.childAddress)

    def on_child_exited(self, address: ActorAddress) -> None:
        """An actor that this one created has ended."""

    def receiveMsg_PoisonMessage(self, message: PoisonMessage, sender: ActorAddress) -> None:
        kind = type(message.poisonMessage).__name__
        log.error(
            "message_poisoned", kind=kind, by=self.address_text(sender), detail=str(message.details)
        )

    def receiveUnrecognizedMessage(self, message: Any, sender: ActorAddress) -> None:
        """Thespian's own messages may be ignored; ours not."""
        if not isinstance(message, ActorSystemMessage):
            log.warning("message_unrecognized", to=self.name, kind=type(message).__name__)


def remote_address(host: str, port: int, actor: str) -> ActorAddress:
    """Return the address of the actor named `actor` on that node, whichever process it is."""
    return ActorAddress(ActorRef(host, port, f"@{actor}"))
