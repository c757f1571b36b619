"""An inventory and a Docker daemon; the test decides when events and responses arrive."""

from __future__ import annotations

from typing import Any

from constellation.effects import Note, Send
from constellation.monitor.docker_event import read_event
from constellation.monitor.inventory import (
    Effect,
    Inspect,
    InspectSoon,
    Inventory,
    InventoryPolicy,
    ListSoon,
    SettleNames,
    Unreported,
)
from constellation.monitor.published_ports import PublishPolicy
from messages.monitor import ServiceObservation, ServicesObserved
from tests.monitor.fake_engine import FakeDocker, FakeStream

LOCAL = PublishPolicy("127.0.0.1", "127.0.0.1")


class Lab:
    """Both of them, and what the inventory asked for and told."""

    def __init__(self, **policy: Any) -> None:
        self.docker = FakeDocker()
        self.stream = FakeStream()
        self.docker.streams.append(self.stream)
        self.inventory = Inventory(InventoryPolicy(publish=LOCAL, **policy))
        self.now_s = 0.0
        self.wanted: list[str] = []  # inspections asked for
        self.soon: list[str] = []  # the same, a moment later
        self.listings_due = 0
        self.settling = 0  # times that it was asked for
        self.unreported: list[Unreported] = []
        self.notes: list[str] = []
        self.told: dict[str, ServiceObservation] = {}

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Inspect(container_id):
                    self.wanted.append(container_id)
                case InspectSoon(container_id):
                    self.soon.append(container_id)
                case ListSoon():
                    self.listings_due += 1
                case SettleNames():
                    self.settling += 1
                case Unreported():
                    self.unreported.append(effect)
                case Note():
                    self.notes.append(effect.event)
                case Send(_, ServicesObserved() as news):
                    self.told.update({seen.key: seen for seen in news.observations})
                    for name in news.vanished:
                        del self.told[name]
                case _:
                    raise AssertionError(effect)

    def hear(self) -> None:
        """Deliver all events that were sent."""
        self.stream.put(None)
        for raw in self.stream:
            event = read_event(raw)
            if event is not None:
                self.perform(self.inventory.event(event, self.now_s))

    def inspect(self) -> None:
        """Answer all inspections."""
        while self.wanted:
            container_id = self.wanted.pop(0)
            since = self.inventory.sequence
            found = self.docker.inspection(container_id)
            self.perform(self.inventory.inspected(container_id, found, since, self.now_s))

    def look(self) -> None:
        since = self.inventory.sequence
        self.perform(self.inventory.listed(self.docker.rows(), since, self.now_s))

    def settle_names(self) -> None:
        self.perform(self.inventory.names_settled(self.now_s))

    def settle(self) -> None:
        self.hear()
        self.inspect()

    def running(self) -> dict[str, bool]:
        return {name: seen.running for name, seen in self.told.items()}
