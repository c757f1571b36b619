"""Services actor: the parent of this node's monitors, one process for each instance."""

from __future__ import annotations

import math

from prometheus_client import Counter, Gauge
from thespian.actors import ActorAddress, ActorExitRequest

from actors import node
from actors.adapters.run_queue import waited_s
from actors.monitor import MonitorActor
from actors.shell import ShellActor
from constellation.cluster_view import ClusterView
from constellation.effects import Note, Send
from constellation.monitor.roster import MONITORS_MAX, Effect, MonitorRoster
from constellation.supervision.process_effects import Create, End, Tell
from messages.gossip import ClusterChanged
from messages.lifecycle import (
    ActorDirectory,
    ActorPong,
    ActorStart,
    ActorStarted,
    DirectoryEntry,
)
from messages.monitor import MonitorDone, ServicesObserved, ServiceState

NEIGHBOURS_OF_MONITORS = frozenset({"gossip"})
HEALTHS = ("healthy", "unhealthy", "starting", "stopped")


class ServicesActor(ShellActor):
    """Translate messages of sources and monitors to roster steps, and effects to processes."""

    def on_start(self) -> None:
        policy = node.settings().supervisor.policy()
        self.roster = MonitorRoster(
            restart=policy.restart, ping_timeout_s=policy.ping_timeout_s, waited_s=waited_s
        )
        self.monitors: dict[str, ActorAddress] = {}
        self.names: dict[str, str] = {}  # of instances, by the address text of their monitor
        self._stopping = False
        self._make_metrics()
        self.follow_cluster()

    def on_stop(self) -> None:
        self._stopping = True  # Thespian ends the monitors: do not replace them

    def _make_metrics(self) -> None:
        self._healths = Gauge(
            "constellation_monitor_services",
            "Service instances of this node by the health that their monitors concluded",
            ["health"],
            registry=self.registry,
        )
        monitors = Gauge(
            "constellation_monitor_actors",
            f"Monitor processes of this node, at most {MONITORS_MAX}",
            registry=self.registry,
        )
        monitors.set_function(lambda: len(self.monitors))
        self._observations = Counter(
            "constellation_monitor_observations",
            "Observations of services received",
            ["source"],
            registry=self.registry,
        )
        self._created = Counter(
            "constellation_monitor_actor_starts",
            "Monitor processes created, restarts included",
            registry=self.registry,
        )

    def next_due_s(self) -> float:
        return math.inf if self._stopping else self.roster.next_due_s

    def on_due(self, now_s: float) -> None:
        if self._stopping:
            return
        patience = self.lateness.patience
        self._perform(self.roster.tick(now_s, late_s=self.late_s, patience=patience))

    def unlisted_actors(self) -> dict[str, ActorAddress]:
        return {f"monitor/{name}": monitor for name, monitor in self.monitors.items()}

    def measure(self) -> None:
        counts = self.roster.health_counts()
        for health in HEALTHS:
            self._healths.labels(health).set(counts[health])

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        before = self._directory_of_monitors()
        super().receiveMsg_ActorDirectory(message, sender)
        directory = self._directory_of_monitors()
        if directory != before:
            for monitor in self.monitors.values():
                self.send(monitor, directory)

    def receiveMsg_ServicesObserved(self, message: ServicesObserved, sender: ActorAddress) -> None:
        self._observations.labels(message.source).inc(len(message.observations))
        now_s = self.now_s()
        self._perform(self.roster.observed(message, now_s))

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        self.roster.cluster_changed(change)

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: ActorAddress) -> None:
        name = self.names.get(self.address_text(sender))
        if name is not None:
            self.roster.started(name, message.process_id, self.now_s())

    def receiveMsg_ActorPong(self, message: ActorPong, sender: ActorAddress) -> None:
        name = self.names.get(self.address_text(sender))
        if name is not None:
            self.roster.answered(name, self.now_s())

    def receiveMsg_ServiceState(self, message: ServiceState, sender: ActorAddress) -> None:
        self.roster.concluded(message)

    def receiveMsg_MonitorDone(self, message: MonitorDone, sender: ActorAddress) -> None:
        self._perform(self.roster.done(message.name, self.now_s()))

    def on_child_exited(self, address: ActorAddress) -> None:
        name = self.names.pop(self.address_text(address), None)
        if name is not None and not self._stopping:
            self.monitors.pop(name, None)
            self._perform(self.roster.exited(name, self.now_s()))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Create(name):
                    self._create(name)
                case Tell(name, message):
                    self.send(self.monitors[name], message)
                case End(name, by_force):
                    self._end(name, by_force=by_force)
                case Send() | Note():
                    self.perform(effect)

    def _create(self, name: str) -> None:
        monitor = self.createActor(MonitorActor)
        self._created.inc()
        self.monitors[name] = monitor
        self.names[self.address_text(monitor)] = name
        parent = self.address_text(self.myAddress)
        self.send(monitor, ActorStart(name=f"monitor/{name}", supervisor=parent))
        self.send(monitor, self._directory_of_monitors())

    def _end(self, name: str, *, by_force: bool) -> None:
        monitor = self.monitors.get(name)
        if monitor is None:
            return
        if by_force:
            self.kill_child(monitor)
        else:
            self.send(monitor, ActorExitRequest())

    def _directory_of_monitors(self) -> ActorDirectory:
        """Return the part of the directory that monitors need, to send them few changes."""
        return ActorDirectory(
            entries=tuple(
                DirectoryEntry(name=name, address=self.address_text(self.directory[name]))
                for name in sorted(NEIGHBOURS_OF_MONITORS & self.directory.keys())
            )
        )
