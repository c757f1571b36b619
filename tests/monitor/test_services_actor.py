"""The services actor's shell: a process for each service, and messages to the right one."""

from __future__ import annotations

from typing import Any

import pytest
from thespian.actors import ActorAddress, ActorExitRequest, ChildActorExited

from actors.monitor import MonitorActor
from actors.services import ServicesActor
from messages.gossip import (
    ClusterChanged,
    ClusterSubscribe,
    NodeServiceState,
    RecordWithdraw,
)
from messages.lifecycle import ActorDirectory, ActorStart
from messages.monitor import (
    MonitorDone,
    MonitorStop,
    ServicesObserved,
    ServiceState,
)
from tests.harness import Harness
from tests.monitor.builders import observation, settings


class Parent:
    """A started services actor on a clock of its own."""

    def __init__(self) -> None:
        actor = ServicesActor()
        self.now_s = 1000.0
        actor.now_s = lambda: self.now_s  # type: ignore[method-assign]
        self.harness = Harness(
            actor, settings(), name="services", neighbours=("gossip", "http", "docker")
        )
        self.harness.deliver(ClusterChanged(version=1, snapshot=True, self_node="alpha"))

    def observe(
        self, *services: str, complete: bool = False, vanished: tuple[str, ...] = ()
    ) -> None:
        self.harness.deliver(
            ServicesObserved(
                source="docker",
                complete=complete,
                observations=tuple(observation(service) for service in services),
                vanished=vanished,
            )
        )

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps that are not late."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(until_s, self.now_s + 0.25)
            self.harness.tick()

    def children(self) -> list[ActorAddress]:
        return [address for _, address in self.harness.runtime.children]

    def sent_to_child(self, number: int) -> list[Any]:
        return self.harness.sent_to(f"child-{number}")

    def die(self, number: int) -> None:
        self.harness.deliver(ChildActorExited(self.children()[number]))


@pytest.fixture
def parent() -> Parent:
    return Parent()


def test_new_monitor_receives_its_name_directory_and_observation(parent: Parent) -> None:
    parent.observe("web", "db")
    parent.pass_time(0.1)

    assert [kind for kind, _ in parent.harness.runtime.children] == [MonitorActor, MonitorActor]
    start, directory, news = parent.sent_to_child(0)
    assert start == ActorStart(name="monitor/web", supervisor="127.0.0.1:7947/self")
    assert [entry.name for entry in directory.entries] == ["gossip"]
    assert news == observation("web")


def test_monitors_are_created_many_per_tick(parent: Parent) -> None:
    parent.observe(*[f"web{number}" for number in range(150)])

    counts = []
    for _ in range(4):
        parent.pass_time(0.1)
        counts.append(len(parent.children()))

    assert counts == [64, 128, 150, 150]


def test_restarted_monitor_receives_the_last_state_and_observation(parent: Parent) -> None:
    parent.observe("web")
    parent.pass_time(0.1)
    state = ServiceState(service="web", health="healthy", source="docker", instance="web-id")
    parent.harness.deliver(state, sender=parent.children()[0])

    parent.die(0)
    parent.pass_time(0.3)

    assert parent.sent_to_child(1)[2:] == [state, observation("web")]
    assert parent.harness.sent_to("gossip") == [ClusterSubscribe(services="own")]


def test_vanished_service_is_withdrawn_and_its_process_ended(parent: Parent) -> None:
    parent.observe("web")
    parent.pass_time(0.1)

    parent.observe(vanished=("web",))
    parent.harness.deliver(MonitorDone(name="web"), sender=parent.children()[0])
    parent.die(0)
    parent.pass_time(1.0)

    stop, end = parent.sent_to_child(0)[3:]
    assert stop == MonitorStop(name="web")
    assert isinstance(end, ActorExitRequest)
    assert len(parent.children()) == 1


def test_monitors_receive_directory_changes_of_their_neighbours_only(parent: Parent) -> None:
    parent.observe("web")
    parent.pass_time(0.1)

    parent.harness.neighbours("gossip", "http", "docker", "checks")
    before = len(parent.sent_to_child(0))
    parent.harness.neighbours("gossip", "http", "docker", "checks", generation=1)

    assert before == 3
    (directory,) = parent.sent_to_child(0)[3:]
    assert isinstance(directory, ActorDirectory)
    assert directory.entries[0].address == "127.0.0.1:7948/gossip"


def test_services_are_counted_by_their_health(parent: Parent) -> None:
    parent.observe("web")
    parent.pass_time(0.1)
    state = ServiceState(service="web", health="unhealthy", source="docker", instance="web-id")
    parent.harness.deliver(state, sender=parent.children()[0])

    parent.harness.actor.measure()

    value = parent.harness.actor.registry.get_sample_value
    assert value("constellation_monitor_services", {"health": "unhealthy"}) == 1
    assert value("constellation_monitor_actors") == 1


def test_missed_change_of_the_cluster_causes_one_new_subscription(
    parent: Parent,
) -> None:
    parent.observe("web", complete=True)
    for version in (1, 5, 6):
        change = ClusterChanged(version=version, snapshot=version == 1, self_node="alpha")
        parent.harness.deliver(change)

    assert parent.harness.sent_to("gossip") == [ClusterSubscribe(services="own")] * 2


def test_record_of_an_earlier_run_is_withdrawn_once_its_source_is_complete(
    parent: Parent,
) -> None:
    left = ServiceState(service="old", health="healthy", source="docker", instance="old-id")
    parent.harness.deliver(
        ClusterChanged(
            version=1,
            snapshot=True,
            self_node="alpha",
            services=(NodeServiceState(node="alpha", state=left),),
        )
    )
    parent.pass_time(0.1)
    assert parent.harness.sent_to("gossip") == [ClusterSubscribe(services="own")]

    parent.observe("web", complete=True)
    parent.pass_time(0.1)

    assert parent.harness.sent_to("gossip")[1:] == [RecordWithdraw(kind="service", key="old")]


def test_service_that_vanishes_before_its_monitor_exists_is_withdrawn(parent: Parent) -> None:
    parent.observe("web")

    parent.observe(vanished=("web",))

    assert parent.harness.sent_to("gossip")[-1] == RecordWithdraw(kind="service", key="web")
    parent.pass_time(0.1)
    assert parent.children() == []
