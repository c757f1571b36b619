"""Services actor: the parent of this node's monitors, one for each instance, in its own process."""

from __future__ import annotations

import math

from prometheus_client import Counter, Gauge
from thespian.actors import ActorAddress

from actors import node
from actors.monitor import MonitorActor
from actors.parent_shell import ParentShell
from actors.shell import ShellActor
from constellation.cluster_view import ClusterView
from constellation.effects import Note, Send
from constellation.monitor.roster import MONITORS_MAX, Effect, MonitorRoster
from messages.gossip import ClusterChanged
from messages.lifecycle import ActorDirectory, DirectoryEntry
from messages.monitor import MonitorDone, ServicesObserved, ServiceState

NEIGHBOURS_OF_MONITORS = frozenset({"gossip"})
RECORDS_WAIT_S = 2.0  # for gossip, which may have just ended too
HEALTHS = ("healthy", "unhealthy", "starting", "stopped")


class ServicesActor(ParentShell):
    """Translate messages of sources and monitors to roster steps, and effects to monitors."""

    services_followed = "own"

    def on_start(self) -> None:
        restart = node.settings().supervisor.policy().restart
        self.roster = MonitorRoster(restart, records_due_s=self.now_s() + RECORDS_WAIT_S)
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
            f"Monitors of this node, at most {MONITORS_MAX}",
            registry=self.registry,
        )
        monitors.set_function(lambda: len(self.children))
        self._observations = Counter(
            "constellation_monitor_observations",
            "Observations of services received",
            ["source"],
            registry=self.registry,
        )
        self._created = Counter(
            "constellation_monitor_actor_starts",
            "Monitors created, restarts included",
            registry=self.registry,
        )

    def next_due_s(self) -> float:
        return math.inf if self._stopping else self.roster.next_due_s

    def on_due(self, now_s: float) -> None:
        if self._stopping:
            return
        self._perform(self.roster.tick(now_s))

    def measure(self) -> None:
        counts = self.roster.health_counts()
        for health in HEALTHS:
            self._healths.labels(health).set(counts[health])

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        before = self._directory_of_monitors()
        super().receiveMsg_ActorDirectory(message, sender)
        directory = self._directory_of_monitors()
        if directory != before:
            for monitor in self.children.values():
                self.send(monitor, directory)

    def receiveMsg_ServicesObserved(self, message: ServicesObserved, sender: ActorAddress) -> None:
        self._observations.labels(message.source).inc(len(message.observations))
        now_s = self.now_s()
        self._perform(self.roster.observed(message, now_s))

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        self.roster.cluster_changed(change)

    def receiveMsg_ServiceState(self, message: ServiceState, sender: ActorAddress) -> None:
        self.roster.concluded(message)

    def receiveMsg_MonitorDone(self, message: MonitorDone, sender: ActorAddress) -> None:
        self._perform(self.roster.done(message.name, self.now_s()))

    def on_child_ended(self, name: str) -> None:
        if not self._stopping:
            self._perform(self.roster.exited(name, self.now_s()))

    def class_of(self, name: str) -> type[MonitorActor]:
        return MonitorActor

    def create_child(self, actor_class: type[ShellActor], host: str) -> ActorAddress:
        # Beside this actor, as processes of monitors ended with it too.
        created: ActorAddress = self._myRef.create_neighbour(actor_class)
        return created

    def start_name(self, name: str) -> str:
        return f"monitor/{name}"

    def on_created(self, name: str, child: ActorAddress) -> None:
        self._created.inc()
        self.send(child, self._directory_of_monitors())

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send | Note):
                self.perform(effect)
            else:
                self.perform_process(effect)

    def _directory_of_monitors(self) -> ActorDirectory:
        """Return the part of the directory that monitors need, to send them few changes."""
        return ActorDirectory(
            entries=tuple(
                DirectoryEntry(name=name, address=self.address_text(self.directory[name]))
                for name in sorted(NEIGHBOURS_OF_MONITORS & self.directory.keys())
            )
        )
