"""The monitor's shell: publishes changes, and everything again to a restarted gossip."""

from __future__ import annotations

import pytest

from actors.monitor import MonitorActor
from messages.gossip import RecordPublish, RecordWithdraw
from messages.monitor import MonitorDone, MonitorStop, ServiceState
from tests.harness import Harness
from tests.monitor.builders import observation, settings


@pytest.fixture
def monitor() -> Harness[MonitorActor]:
    return Harness(MonitorActor(), settings(), name="monitor/web", neighbours=("gossip",))


def published(monitor: Harness[MonitorActor]) -> list[ServiceState]:
    return [
        state
        for message in monitor.sent_to("gossip")
        if isinstance(message, RecordPublish)
        for state in message.service_states
    ]


def test_healthy_start_is_published(monitor: Harness[MonitorActor]) -> None:
    monitor.deliver(observation(image="nginx:1", networks=("web",), exposed_ports=(80,)))

    expected = ServiceState(
        service="web",
        health="healthy",
        reason="running, no health check",
        source="docker",
        instance="web-id",
        image="nginx:1",
        networks=("web",),
        exposed_ports=(80,),
    )
    assert published(monitor) == [expected]
    assert monitor.sent_to("supervisor")[-1] == expected


def test_only_changes_are_published(monitor: Harness[MonitorActor]) -> None:
    for seen in [observation(), observation(), observation(image="nginx:2"), observation()]:
        monitor.deliver(seen)

    assert [state.image for state in published(monitor)] == ["", "nginx:2", ""]


def test_draining_is_published_at_once_with_any_health(
    monitor: Harness[MonitorActor],
) -> None:
    for role, draining in [("", False), ("", True), ("primary", True)]:
        monitor.deliver(observation(check="passing", role=role, draining=draining))

    assert [(state.health, state.draining, state.role) for state in published(monitor)] == [
        ("healthy", False, ""),
        ("healthy", True, ""),
        ("healthy", True, "primary"),
    ]


def test_death_is_published_at_once(monitor: Harness[MonitorActor]) -> None:
    monitor.deliver(observation())
    monitor.deliver(observation(running=False, detail="exited with code 137"))

    state = published(monitor)[-1]
    assert (state.health, state.reason) == ("stopped", "exited with code 137")


def test_restarted_gossip_receives_the_state_again(monitor: Harness[MonitorActor]) -> None:
    monitor.deliver(observation())

    monitor.neighbours("gossip", generation=1)

    assert len(published(monitor)) == 2
    assert published(monitor)[0] == published(monitor)[1]


def test_observation_before_the_start_of_gossip_is_published_after_it() -> None:
    monitor = Harness(MonitorActor(), settings(), name="monitor/web")
    monitor.deliver(observation())

    monitor.neighbours("gossip")

    assert [state.health for state in published(monitor)] == ["healthy"]


def test_stop_withdraws_the_record_and_confirms(monitor: Harness[MonitorActor]) -> None:
    monitor.deliver(observation())

    monitor.deliver(MonitorStop(name="web"))
    monitor.neighbours("gossip", generation=1)

    assert monitor.sent_to("gossip")[-1] == RecordWithdraw(kind="service", key="web")
    assert monitor.sent_to("sender")[-1] == MonitorDone(name="web")


def test_successor_of_a_dead_monitor_keeps_its_conclusion(monitor: Harness[MonitorActor]) -> None:
    failing = observation(source="static", check="failing")
    healthy = ServiceState(service="web", health="healthy", source="static", instance="web-id")

    monitor.deliver(healthy)
    monitor.deliver(failing)

    assert [state.health for state in published(monitor)] == ["healthy"]
