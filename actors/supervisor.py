"""Supervisor actor: parent of this node's actors.  The core decides what to start and when."""

from __future__ import annotations

import math

from prometheus_client import Counter, Gauge
from thespian.actors import ActorAddress

from actors import node
from actors.adapters.run_queue import waited_s
from actors.parent_shell import ParentShell
from actors.shell import ShellActor
from constellation.effects import Note
from constellation.registry import enabled_actors, load
from constellation.supervision.watch import Announce, Effect, Report, Watch
from constellation.transport.address import ActorRef
from messages.base import Message
from messages.gossip import GossipLeft
from messages.lifecycle import (
    ActorDirectory,
    ActorPong,
    ActorStarted,
    ActorYielded,
    DirectoryEntry,
    SupervisorStart,
    SupervisorStarted,
    SupervisorStatus,
    SupervisorStatusRequest,
    SupervisorStop,
)


class SupervisorActor(ParentShell):
    """Translate messages of actors to steps of the watch, and its effects to processes."""

    lives_with_listener = True  # of the node: whichever of them ends, the guardian starts both anew

    def on_start(self) -> None:
        settings = node.settings()
        actors = enabled_actors(settings)
        self.classes: dict[str, type[ShellActor]] = {one.name: load(one.actor) for one in actors}
        self.watch = Watch(actors, settings.supervisor.policy(), waited_s)
        self.asker: ActorAddress | None = None
        self._restarts = Counter(
            "constellation_supervisor_restarts",
            "Actors whose process ended and is started again",
            ["name"],
            registry=self.registry,
        )
        self._given_up = Gauge(
            "constellation_supervisor_actor_given_up",
            "1 while the actor is past the restart limit, and is tried again only slowly",
            ["name"],
            registry=self.registry,
        )
        self._up = Gauge(
            "constellation_supervisor_actor_up",
            "1 while the actor works",
            ["name"],
            registry=self.registry,
        )

    def next_due_s(self) -> float:
        return math.inf if self.asker is None else self.watch.next_due_s

    def on_due(self, now_s: float) -> None:
        if self.asker is not None:
            patience = self.lateness.patience
            self._perform(self.watch.tick(now_s, late_s=self.late_s, patience=patience))

    def measure(self) -> None:
        for status in self.watch.status(self.now_s()):
            self._up.labels(status.name).set(status.state == "running")
            self._given_up.labels(status.name).set(status.state == "given_up")

    def receiveMsg_SupervisorStart(self, message: SupervisorStart, sender: ActorAddress) -> None:
        self.asker = sender
        self._perform(self.watch.tick(self.now_s()))

    def receiveMsg_SupervisorStop(self, message: SupervisorStop, sender: ActorAddress) -> None:
        self.asker = sender
        self._perform(self.watch.stop(self.now_s()))

    def receiveMsg_SupervisorStatusRequest(
        self, message: SupervisorStatusRequest, sender: ActorAddress
    ) -> None:
        self.send(sender, SupervisorStatus(actors=self.watch.status(self.now_s())))

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        super().receiveMsg_ActorStarted(message, sender)
        name = self.child_named(sender)
        if name is not None:
            self._perform(self.watch.started(name, message.process_id, self.now_s()))

    def receiveMsg_ActorPong(self, message: ActorPong, sender: ActorAddress) -> None:
        super().receiveMsg_ActorPong(message, sender)
        name = self.child_named(sender)
        if name is not None:
            self.watch.heard(name, self.now_s())

    def on_host_answered(self, host: str) -> None:
        self.watch.host_heard(host, self.now_s())

    def receiveMsg_GossipLeft(self, message: GossipLeft, sender: ActorAddress) -> None:
        self._perform(self.watch.left(self.now_s()))

    def receiveMsg_ActorYielded(self, message: ActorYielded, sender: ActorAddress) -> None:
        name = self.child_named(sender)
        if name is not None:
            self._perform(self.watch.yielded(name, self.now_s()))

    def class_of(self, name: str) -> type[ShellActor]:
        return self.classes[name]

    def on_child_ended(self, name: str) -> None:
        if self.watch.stage == "up":
            self._restarts.labels(name).inc()
        self._perform(self.watch.exited(name, self.now_s()))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Announce():
                    self._announce()
                case Report(message):
                    self._report(message)
                case Note():
                    self.perform(effect)
                case _:
                    self.perform_process(effect)

    def _announce(self) -> None:
        # A process that could not be created has no address; its exit is reported next.
        self.directory = {
            name: child
            for name, child in self.children.items()
            if isinstance(child.addressDetails, ActorRef)
        }
        directory = ActorDirectory(
            entries=tuple(
                DirectoryEntry(name=name, address=self.address_text(child))
                for name, child in self.directory.items()
            )
        )
        for child in self.directory.values():
            self.send(child, directory)

    def _report(self, message: Message | None) -> None:
        assert self.asker is not None  # nothing runs before SupervisorStart
        self.send(self.asker, message or SupervisorStarted(actors=tuple(self.classes)))
