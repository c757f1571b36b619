"""What every actor shell shares: start, neighbours, tick, metrics, a loud answer to the unknown.

A shell overrides `on_start`, `on_actor_up`, `on_tick`, `on_stop` and adds `receiveMsg_<Message>`.
It addresses actors of its node by name: `self.post("gossip", message)`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, ProcessCollector
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
from actors.transport import stats
from actors.transport.transport import claim_name, has_more_arrived
from constellation.effects import Note, Send
from constellation.log import bind_log_context, get_logger
from constellation.transport.address import ActorRef
from messages.base import Message
from messages.lifecycle import ActorDirectory, ActorPing, ActorPong, ActorStart, ActorStarted

log = get_logger(__name__)

METRICS_ACTOR = "http"


class ShellActor(ActorTypeDispatcher):
    """Base of all shells.  Holds no protocol state; subclasses hold exactly one core."""

    tick_interval_s: float | None = None  # None: `on_tick` is never called

    def __init__(self) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.directory: dict[str, ActorAddress] = {}
        self.supervisor: ActorAddress | None = None
        self.registry = CollectorRegistry()
        self._tick = 0
        self._handlers: dict[type, Callable[[Any, ActorAddress], Any]] = {}
        self._metrics_due_at_s = 0.0
        ProcessCollector(registry=self.registry)
        self.registry.register(stats.TransportCollector())
        self._unroutable = Counter(
            "constellation_actor_unroutable",
            "Messages to an actor of this node that was not running",
            ["to"],
            registry=self.registry,
        )
        self._events = Counter(
            "constellation_events",
            "Logged events of cores, by name",
            ["event"],
            registry=self.registry,
        )

    # What subclasses override.

    def on_start(self) -> None:
        """Begin.  `self.name` and the settings are known; neighbours may not be up yet."""

    def on_actor_up(self, name: str) -> None:
        """Actor `name` of this node has started, or started again and knows nothing."""

    def on_tick(self, now_s: float) -> None:
        """Step the core with the passing of time."""

    def on_caught_up(self) -> None:
        """Every message that has arrived so far was handled: do what was put off for that."""

    def on_stop(self) -> None:
        """Release what the process's end would not release."""

    def watched_files(self) -> list[int]:
        """File descriptors whose readiness is told to `on_readable`."""
        return []

    def on_readable(self, ready: list[int]) -> None:
        """Some of `watched_files` can be read."""

    # What subclasses use.

    def now_s(self) -> float:
        """Return monotonic seconds: the only clock a core ever sees."""
        return time.monotonic()

    def post(self, to: str, message: Message) -> bool:
        """Send `message` to the local actor named `to`; False and counted if none runs."""
        address = self.directory.get(to)
        if address is None:
            self._unroutable.labels(to.partition("/")[0]).inc()
            return False
        self.send(address, message)
        return True

    def perform(self, effect: Send | Note) -> None:
        """Perform one of the effects that all cores share."""
        match effect:
            case Send(to, message):
                self.post(to, message)
            case Note(event, fields, level):
                self._events.labels(event).inc()
                getattr(log, level)(event, **fields)

    def kill_child(self, address: ActorAddress) -> None:
        """Kill the process of an actor that this one created; its exit is told as any other."""
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
        handler = self._handlers.get(type(message))
        if handler is None and isinstance(message, Message):
            handler = getattr(self, f"receiveMsg_{type(message).__name__}", None)
            handler = handler or self.receiveUnrecognizedMessage
            self._handlers[type(message)] = handler
        if handler is None:
            super().receiveMessage(message, sender)
        else:
            handler(message, sender)
        if not has_more_arrived():
            self.on_caught_up()
        files = self.watched_files()
        return ThespianWatch(files) if files else None

    def receiveMsg_ActorStart(self, message: ActorStart, sender: ActorAddress) -> None:
        self.name = message.name
        self.supervisor = self.address_of(message.supervisor)
        settings = node.settings()
        bind_log_context(actor=self.name)
        setproctitle(f"constellation: {settings.node_name} {self.name}")
        if "/" not in self.name:  # other nodes may address it by name; monitors they may not
            claim_name(self.name)
        self.on_start()
        interval_s = min(
            self.tick_interval_s or settings.metrics_interval_s, settings.metrics_interval_s
        )
        self.wakeupAfter(timedelta(seconds=interval_s), self._tick)
        self.send(sender, ActorStarted(name=self.name, process_id=os.getpid()))

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        before = {name: self.address_text(address) for name, address in self.directory.items()}
        self.directory = {entry.name: self.address_of(entry.address) for entry in message.entries}
        for entry in message.entries:
            if entry.name != self.name and before.get(entry.name) != entry.address:
                self.on_actor_up(entry.name)

    def receiveMsg_ActorPing(self, message: ActorPing, sender: ActorAddress) -> None:
        self.send(sender, ActorPong(name=self.name, seq_no=message.seq_no))

    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: ActorAddress) -> None:
        # Thespian runs a handler again when it raised, and cannot cancel a wakeup.  Re-arming
        # first keeps the tick alive when `on_tick` raises; the number drops the second run.
        if message.payload != self._tick:
            return
        self._tick += 1
        interval_s = self.tick_interval_s or node.settings().metrics_interval_s
        self.wakeupAfter(timedelta(seconds=interval_s), self._tick)
        now_s = self.now_s()
        if now_s >= self._metrics_due_at_s:
            self._metrics_due_at_s = now_s + node.settings().metrics_interval_s
            self.post(METRICS_ACTOR, metrics_report(self.name, self.registry))
        if self.tick_interval_s is not None:
            self.on_tick(now_s)

    def receiveMsg_WatchMessage(self, message: WatchMessage, sender: ActorAddress) -> None:
        self.on_readable(list(message.ready))

    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: ActorAddress) -> None:
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
