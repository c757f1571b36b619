"""The Docker actor, with a real daemon and with its fake: stop signals and roles."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitor.conftest import REAL
from tests.monitor.fake_engine import FakeDocker
from tests.monitor.real_docker import LINGER, RealDocker
from tests.monitor.watched import Host, Start, has

pytestmark = pytest.mark.xdist_group("docker engine")

BY_CHECK = {"constellation.primary": "health"}

real_only = pytest.mark.parametrize("host", [REAL], indirect=True)


@contextlib.contextmanager
def stopping(real: RealDocker, container_id: str) -> Iterator[threading.Thread]:
    """Have `docker stop` called for as long as it takes."""
    with contextlib.closing(real.daemon.client()) as client:
        thread = threading.Thread(target=client.api.stop, args=(container_id,), daemon=True)
        thread.start()
        yield thread
        thread.join(30)


def test_only_the_stop_signal_starts_draining(host: Host, start: Start) -> None:
    watched = start(host)
    container_id = host.run("web", lingers=True)
    watched.until(has("web", running=True))

    host.signal(container_id, "SIGHUP")
    watched.until(lambda _: watched.metric("constellation_docker_events_total", action="kill") == 1)
    assert not watched.known()["web"].draining
    host.signal(container_id, "SIGTERM")
    until_draining_s = watched.until(has("web", running=True, draining=True))
    host.kill(container_id)
    watched.until(has("web", running=False, draining=False))

    assert until_draining_s < 0.5


@real_only
@pytest.mark.parametrize(
    "checked", [pytest.param(False, id="no check"), pytest.param(True, id="with a health check")]
)
def test_docker_stop_is_observed_while_the_container_still_runs(
    host: RealDocker, start: Start, *, checked: bool
) -> None:
    watched = start(host)
    container_id = host.run("web", lingers=True, checked=checked)
    if checked:
        host.set_health(container_id, "healthy")
    watched.until(has("web", running=True, check="passing" if checked else "none"))

    with stopping(host, container_id) as stop:
        until_draining_s = watched.until(has("web", running=True, draining=True))
        was_running = stop.is_alive()
        until_ended_s = until_draining_s + watched.until(has("web", running=False, draining=False))

    assert was_running
    assert until_draining_s < 1.0
    assert 2.5 < until_ended_s < 10


@real_only
def test_custom_stop_signal_of_the_container_starts_draining(
    host: RealDocker, start: Start
) -> None:
    watched = start(host)
    script = LINGER[-1].replace("TERM", "USR1").replace("HUP", "TERM")
    container = host.daemon.run("web", "sh", "-c", script, init=False, stop_signal="SIGUSR1")
    watched.until(has("web", running=True))

    host.signal(container.id, "SIGTERM")
    watched.until(lambda _: watched.metric("constellation_docker_events_total", action="kill") == 1)
    assert not watched.known()["web"].draining
    with stopping(host, container.id):
        watched.until(has("web", running=True, draining=True))
        watched.until(has("web", running=False))


@real_only
def test_restart_ends_draining(host: RealDocker, start: Start) -> None:
    watched = start(host)
    container = host.daemon.run("web", *LINGER, init=False)
    watched.until(has("web", running=True))

    restart = threading.Thread(target=container.restart, daemon=True)
    restart.start()
    watched.until(has("web", running=True, draining=True))
    watched.until(has("web", running=True, draining=False))
    restart.join(30)

    assert watched.known()["web"].container_host


def test_role_change_is_observed_after_the_next_check(host: Host, start: Start) -> None:
    watched = start(host)
    container_id = host.run("db", checked=True, labels=BY_CHECK)
    host.set_health(container_id, "healthy")
    watched.until(has("db", check="passing", role=""))

    took_s = []
    for line, role in [("role: primary", "primary"), ("role:slave", "replica"), ("", "")]:
        host.say(container_id, f"password: hunter2\n{line}\n")
        took_s.append(watched.until(has("db", check="passing", role=role)))

    # The real one checks every 0.3 s.
    assert max(took_s) < 2.0, took_s
    assert "hunter2" not in repr(watched.reports())
    assert watched.metric("constellation_docker_reconciles_total") == 1


@real_only
def test_role_is_read_after_the_end_of_a_check(
    host: RealDocker, start: Start, tmp_path: Path
) -> None:
    told = tmp_path / "role"
    told.write_text("role: primary")
    check = {"test": ["CMD", "cat", "/told/role"], "interval": 1_000_000_000}
    watched = start(host)
    container = host.daemon.run(
        "db", healthcheck=check, labels=BY_CHECK, volumes=[f"{tmp_path}:/told:ro"]
    )
    watched.until(has("db", check="passing", role="primary"))

    told.write_text("role: replica")  # by no `exec`, whose end would be told too
    watched.until(has("db", role="replica"))
    known_s = datetime.datetime.now(datetime.UTC).timestamp()

    container.reload()
    ends_s = [
        datetime.datetime.fromisoformat(entry["End"]).timestamp()
        for entry in container.attrs["State"]["Health"]["Log"]
        if "replica" in entry["Output"]
    ]
    assert known_s - ends_s[0] < 2.0
    assert watched.metric("constellation_docker_reconciles_total") == 1
    assert watched.metric("constellation_docker_events_total", action="health_status") == 1


def test_role_from_a_check_ends_with_the_process(host: Host, start: Start) -> None:
    watched = start(host)
    container_id = host.run("db", checked=True, labels=BY_CHECK)
    host.say(container_id, "role: primary")
    watched.until(has("db", role="primary"))

    host.kill(container_id)
    watched.until(has("db", running=False, role=""))


@real_only
def test_restarted_container_has_no_role_until_its_first_check(
    host: RealDocker, start: Start
) -> None:
    watched = start(host)
    slow = {"test": ["CMD-SHELL", "echo role: primary"], "interval": 1_000_000_000}
    container = host.daemon.run("db", healthcheck=slow, labels=BY_CHECK)
    watched.until(has("db", role="primary"))
    host.kill(container.id)
    watched.until(has("db", running=False))

    container.start()

    watched.until(has("db", running=True, check="starting"))
    assert watched.known()["db"].role == ""
    watched.until(has("db", role="primary"))


def test_several_ended_checks_cause_one_inspection(start: Start) -> None:
    host = FakeDocker()
    container_id = host.run("db", checked=True, labels=BY_CHECK)
    watched = start(host)
    watched.until(has("db", running=True))
    before = len(host.inspected)

    for number in range(500):
        host.say(container_id, f"number {number}\nrole: replica")
    watched.until(has("db", role="replica"))
    time.sleep(0.5)

    assert 1 <= len(host.inspected) - before <= 2


@real_only
def test_container_has_the_address_of_its_network(host: RealDocker, start: Start) -> None:
    watched = start(host)
    with contextlib.closing(host.daemon.client()) as client:
        other = client.networks.create("zz-other")
        owner = host.run("owner", labels={"Traefik.Docker.Network": "zz-other"})
        watched.until(has("owner", running=True))
        before = watched.known()["owner"].container_host
        other.connect(owner)
        watched.until(lambda known: known["owner"].container_host != before)
        found = client.api.inspect_container(owner)["NetworkSettings"]["Networks"]

    host.daemon.run("guest", network_mode=f"container:{owner}")
    host.daemon.run("on-host", network_mode="host")
    watched.until(has("guest", running=True))
    watched.until(has("on-host", running=True))

    known = watched.known()
    assert before == found["bridge"]["IPAddress"]
    assert known["owner"].container_host == found["zz-other"]["IPAddress"]
    assert known["guest"].container_host == found["bridge"]["IPAddress"]
    assert known["on-host"].container_host == ""
