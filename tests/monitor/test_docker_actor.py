"""The Docker actor, with a real daemon and with its fake: its reports to `services`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from messages.monitor import ServiceObservation
from rigs.ports import free_port
from tests.monitor.fake_engine import FakeDocker
from tests.monitor.watched import Host, Start

pytestmark = pytest.mark.xdist_group("docker engine")


def is_running(service: str) -> Callable[[dict[str, ServiceObservation]], bool]:
    return lambda known: service in known and known[service].running


def is_stopped(service: str) -> Callable[[dict[str, ServiceObservation]], bool]:
    return lambda known: service in known and not known[service].running


def test_containers_running_at_the_start_are_reported_as_complete(host: Host, start: Start) -> None:
    port = free_port()
    host.run("proj_web_1", ports={80: port})
    host.run("bare")

    watched = start(host)
    watched.until_complete()

    report = watched.reports()[-1]
    assert [seen.service for seen in report.observations] == ["bare", "proj_web_1"]
    (endpoint,) = report.observations[1].endpoints
    assert (endpoint.host, endpoint.port, endpoint.container_port) == ("127.0.0.1", port, 80)
    assert watched.metric("constellation_docker_connected") == 1


def test_start_death_and_removal_are_observed_through_events(host: Host, start: Start) -> None:
    watched = start(host)
    watched.until_complete()

    container_id = host.run("web")
    watched.until(is_running("web"))
    host.kill(container_id)
    until_stopped_s = watched.until(is_stopped("web"))
    host.remove(container_id)
    watched.until(lambda known: "web" not in known)

    assert until_stopped_s < 0.5
    assert watched.metric("constellation_docker_events_total", action="die") == 1
    assert watched.metric("constellation_docker_reconciles_total") == 1


def test_pause_and_health_are_observed_through_events(host: Host, start: Start) -> None:
    watched = start(host)
    watched.until_complete()

    container_id = host.run("web", checked=True)
    watched.until(lambda known: "web" in known and known["web"].check == "starting")
    host.set_health(container_id, "healthy")
    watched.until(lambda known: known["web"].check == "passing")
    host.pause(container_id)
    watched.until(lambda known: known["web"].paused)
    host.unpause(container_id)
    watched.until(lambda known: known["web"].running and known["web"].check == "passing")
    host.set_health(container_id, "unhealthy")
    watched.until(lambda known: known["web"].detail.endswith("last exit code 1"))

    assert watched.known()["web"].check == "failing"


def test_renamed_container_is_another_service(host: Host, start: Start) -> None:
    watched = start(host)
    container_id = host.run("before")
    watched.until(is_running("before"))

    host.rename(container_id, "after")

    watched.until(lambda known: known.keys() == {"after"})


@pytest.mark.case("R3")
def test_two_containers_of_one_service_are_two_instances(host: Host, start: Start) -> None:
    watched = start(host)
    blue = host.run("blue", labels={"constellation.service": "web"})
    host.run("green", labels={"constellation.service": "web"})
    watched.until(lambda known: {"blue", "green"} <= known.keys())

    assert {seen.service for seen in watched.known().values()} == {"web"}
    host.kill(blue)
    watched.until(is_stopped("blue"))
    assert watched.known()["green"].running


def test_restarted_services_actor_receives_all_observations(host: Host, start: Start) -> None:
    host.run("web")
    watched = start(host)
    watched.until_complete()
    before = len(watched.reports())

    watched.harness.neighbours("services", generation=1)

    watched.harness.pump_until(lambda: len(watched.reports()) > before)
    assert watched.reports()[-1].complete
    assert [seen.service for seen in watched.reports()[-1].observations] == ["web"]


@pytest.mark.scenario(33)
def test_restart_of_docker_keeps_services_and_reopens_the_stream(host: Host, start: Start) -> None:
    container_id = host.run("web")
    watched = start(host)
    watched.until(is_running("web"))

    host.stop()
    watched.until(lambda _: watched.metric("constellation_docker_connected") == 0)
    assert "web" in watched.known()
    before, began_s = host.connections, time.monotonic()
    host.start()
    watched.until(lambda _: watched.metric("constellation_docker_connected") == 1)
    back_s = time.monotonic() - began_s
    other = host.run("other")
    watched.until(is_running("other"))
    host.remove(other)
    host.remove(container_id)
    watched.until(lambda known: not known)

    assert back_s < 5
    assert host.connections - before <= 1 + back_s / 0.2


@pytest.mark.scenario(33)
def test_stalled_stream_is_detected_and_reopened(host: Host, start: Start) -> None:
    container_id = host.run("web")
    watched = start(host, reconcile_interval_s=0.3)
    watched.until(is_running("web"))

    host.mute()
    host.kill(container_id)
    watched.until(is_stopped("web"))
    watched.until(lambda _: watched.metric("constellation_docker_stream_stalls_total") == 1)
    watched.until(lambda _: len(host.streams) == 2)
    host.run("later")
    watched.until(is_running("later"))

    assert watched.metric("constellation_docker_events_total", action="start") == 1


def test_listings_without_changes_do_not_close_the_stream(host: Host, start: Start) -> None:
    watched = start(host, reconcile_interval_s=0.05)
    for number in range(5):
        container_id = host.run(f"web{number}", checked=True)
        host.set_health(container_id, "healthy")
        watched.until(lambda known, name=f"web{number}": name in known)  # type: ignore[misc]
        host.kill(container_id)
        host.remove(container_id)
    watched.until(lambda known: not known)

    watched.until(lambda _: watched.metric("constellation_docker_reconciles_total") > 30)

    assert watched.metric("constellation_docker_stream_stalls_total") == 0


def test_death_is_reported_while_inspections_hang(start: Start) -> None:
    host = FakeDocker()
    container_id = host.run("web")
    watched = start(host)
    watched.until(is_running("web"))
    host.hanging[container_id] = threading.Event()

    host.kill(container_id)

    watched.until(is_stopped("web"))
    assert watched.known()["web"].detail == "exited with code 137"
    host.hanging[container_id].set()


def test_absent_docker_is_reported_once_and_retried(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    host = FakeDocker()
    host.stop()

    watched = start(host, connect_interval_s=0.05)
    watched.until(lambda _: host.connections > 5)
    before = capsys.readouterr().out
    host.start()
    watched.until_complete()

    assert before.count("docker_away") == 1
    assert watched.metric("constellation_docker_connected") == 1
