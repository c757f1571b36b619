"""What monitoring relies on in the Docker Engine.  The fake passes the same tests."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable

import pytest

from actors.adapters.docker import DockerEngine, Engine
from constellation.errors import AdapterError
from constellation.monitor.container import Container, read_container
from constellation.monitor.container_row import read_row
from constellation.monitor.docker_event import ContainerEvent, read_event
from constellation.monitor.published_ports import PublishPolicy
from constellation.settings.docker import DockerSettings
from messages.monitor import Endpoint
from rigs.ports import free_port
from tests.monitor.fake_engine import IMAGE, FakeDocker
from tests.monitor.real_docker import RealDocker

pytestmark = pytest.mark.xdist_group("docker engine")

Host = FakeDocker | RealDocker

LOCAL = PublishPolicy("127.0.0.1", "127.0.0.1")


class Listener:
    """Collects the events of one stream in a thread."""

    def __init__(self, engine: Engine) -> None:
        self.events: list[ContainerEvent] = []
        self.stream = engine.open_events()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        for raw in self.stream:
            event = read_event(raw)
            if event is not None and not event.action.startswith("network_"):
                self.events.append(event)

    def actions(self) -> list[tuple[str, str]]:
        return [(event.action, event.argument) for event in self.events]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "not within 10 s"
        time.sleep(0.01)


def read(engine: Engine, container_id: str) -> Container:
    found = engine.inspect(container_id)
    assert found is not None
    container = read_container(found, LOCAL)
    assert isinstance(container, Container)
    return container


def test_running_container_is_listed_and_inspected(host: Host) -> None:
    engine, port = host.connect(), free_port()

    container_id = host.run("proj_web_1", labels={"a": "b"}, ports={80: port})

    container = read(engine, container_id)
    row = read_row(next(row for row in engine.list_containers() if row["Id"] == container_id))
    seen = container.observation
    assert (seen.service, seen.running, seen.check) == ("proj_web_1", True, "none")
    assert (seen.image, seen.networks, seen.exposed_ports) == (IMAGE, ("bridge",), (80,))
    assert {label.name: label.value for label in seen.labels}["a"] == "b"
    assert seen.endpoints == (
        Endpoint(protocol="tcp", host="127.0.0.1", port=port, container_port=80),
    )
    assert seen.created_at_utc_s > 1.7e9
    assert (row.name, row.phase, row.check) == ("proj_web_1", "running", "none")
    assert row.labels["a"] == "b"
    engine.close()


def test_inspection_has_the_driver_of_each_network(host: Host) -> None:
    engine = host.connect()

    found = engine.inspect(host.run("web"))

    assert found is not None
    assert found["NetworkSettings"]["Networks"]["bridge"]["Driver"] == "bridge"
    engine.close()


def test_events_cover_the_life_of_a_container(host: Host) -> None:
    engine = host.connect()
    listener = Listener(engine)

    container_id = host.run("told")
    host.pause(container_id)
    host.unpause(container_id)
    host.rename(container_id, "other")
    host.kill(container_id)
    wait_for(lambda: ("die", "137") in listener.actions())
    host.remove(container_id)
    wait_for(lambda: ("destroy", "") in listener.actions())

    # Docker tells of a signal once it was sent, which may be after the death it brought.
    actions = [action for action, _ in listener.actions() if action != "kill"]
    assert actions == ["create", "start", "pause", "unpause", "rename", "die", "destroy"]
    assert ("kill", "9") in listener.actions()
    assert {event.container_id for event in listener.events} == {container_id}
    assert all(event.labels["constellation.enable"] == "true" for event in listener.events)
    listener.stream.close()
    engine.close()


def test_health_is_in_events_listings_and_inspections(host: Host) -> None:
    engine = host.connect()
    listener = Listener(engine)

    container_id = host.run("checked", checked=True)
    before = read(engine, container_id).observation.check
    host.set_health(container_id, "healthy")
    wait_for(lambda: ("health_status", "healthy") in listener.actions())
    healthy = read(engine, container_id).observation.check
    host.set_health(container_id, "unhealthy")
    wait_for(lambda: ("health_status", "unhealthy") in listener.actions())

    container = read(engine, container_id)
    (row,) = (read_row(row) for row in engine.list_containers() if row["Id"] == container_id)
    assert (before, healthy, container.observation.check) == ("starting", "passing", "failing")
    assert container.observation.detail == "health check failing, last exit code 1"
    assert not row.contradicts(container)
    listener.stream.close()
    engine.close()


def test_killed_container_loses_its_endpoints_only(host: Host) -> None:
    engine, port = host.connect(), free_port()
    container_id = host.run("killed", labels={"a": "b"}, ports={80: port})
    running = read(engine, container_id)

    host.kill(container_id)
    wait_for(lambda: read(engine, container_id).phase == "stopped")

    # What is told at once, from the event alone, is what an inspection says later.
    assert read(engine, container_id) == running.stopped("exited with code 137")
    engine.close()


def test_inspection_of_a_missing_container_is_none(host: Host) -> None:
    engine = host.connect()

    assert engine.inspect("0123456789abcdef") is None
    engine.close()


def test_closing_a_stream_ends_its_reader(host: Host) -> None:
    engine = host.connect()
    listener = Listener(engine)

    listener.stream.close()
    listener.thread.join(5)

    assert not listener.thread.is_alive()
    listener.stream.close()
    engine.close()


def test_absent_docker_daemon_is_one_clear_error() -> None:
    with pytest.raises(
        AdapterError,
        match="sock: the socket does not exist; start Docker",
    ):
        DockerEngine(DockerSettings(socket="/nonexistent/docker.sock"))


def test_stop_signal_is_in_events_and_not_in_inspections(host: Host) -> None:
    engine = host.connect()
    listener = Listener(engine)
    container_id = host.run("lingers", lingers=True)

    host.signal(container_id, "SIGHUP")
    host.signal(container_id, "SIGTERM")
    wait_for(lambda: ("kill", "15") in listener.actions())

    container = read(engine, container_id)
    assert ("kill", "1") in listener.actions()
    assert (container.stop_signal, container.phase) == (15, "running")
    assert not container.observation.draining
    listener.stream.close()
    engine.close()


def test_end_of_a_check_is_in_events_and_its_role_in_the_inspection(host: Host) -> None:
    engine = host.connect()
    listener = Listener(engine)
    container_id = host.run("db", checked=True, labels={"constellation.primary": "health"})
    silent = host.run("silent", checked=True)
    before = read(engine, container_id).observation.role

    host.say(container_id, "password: hunter2\nrole: primary\n")
    host.say(silent, "role: primary\n")
    wait_for(lambda: read(engine, container_id).observation.role == "primary")

    wait_for(lambda: "exec_die" in dict(listener.actions()))
    told = {event.container_id for event in listener.events if event.action == "exec_die"}
    assert (before, told) == ("", {container_id})
    assert read(engine, silent).observation.role == ""
    assert "hunter2" not in repr(read(engine, container_id))
    listener.stream.close()
    engine.close()


def test_address_of_a_container_ends_with_its_process(host: Host) -> None:
    engine = host.connect()
    container_id = host.run("web")

    address = read(engine, container_id).observation.container_host
    host.kill(container_id)
    wait_for(lambda: read(engine, container_id).phase == "stopped")

    assert ipaddress.ip_address(address).is_private or address.startswith("100.")
    assert read(engine, container_id).observation.container_host == ""
    engine.close()
