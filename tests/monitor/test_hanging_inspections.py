"""Containers whose inspection does not answer: they are known by their row in a listing."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.docker import HANGING_MAX
from constellation.monitor.container import Container, read_container
from constellation.monitor.container_row import read_row
from constellation.monitor.not_inspectable import AGAIN_S
from constellation.monitor.published_ports import PublishPolicy
from constellation.monitor.row_inspection import row_inspection
from messages.wellness import TroublesReported
from tests.harness import messages_of
from tests.monitor.fake_engine import FakeDocker
from tests.monitor.lab import Lab
from tests.monitor.watched import Start, Watched, has

LOCAL = PublishPolicy("127.0.0.1", "127.0.0.1")

# As a Docker Engine of API 1.56 lists a container.
ROW: dict[str, Any] = {
    "Id": "abc",
    "Names": ["/web"],
    "Image": "nginx:1",
    "ImageID": "sha256:1",
    "ImageManifestDescriptor": {"digest": "sha256:2"},
    "Command": "nginx",
    "Created": 1795980706,
    "Ports": [
        {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 443, "Type": "tcp"},
        {"PrivatePort": 53, "Type": "udp"},
    ],
    "Labels": {"traefik.enable": "true", "constellation.service": "shop"},
    "State": "running",
    "Status": "Up 3 minutes",
    "Health": {"Status": "healthy", "FailingStreak": 0},
    "HostConfig": {"NetworkMode": "default"},
    "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2", "NetworkID": "n"}}},
    "Mounts": [],
}


def read(row: dict[str, Any]) -> Container:
    found = row_inspection(row, {"abc": row})
    assert found is not None
    container = read_container(found, LOCAL)
    assert isinstance(container, Container)
    return container


@pytest.mark.case("D5")
def test_row_has_what_routes_need() -> None:
    container = read(ROW)
    seen = container.observation
    assert (container.name, seen.service, seen.image) == ("web", "shop", "nginx:1")
    assert (seen.running, seen.check, seen.container_host) == (True, "passing", "172.17.0.2")
    assert (seen.exposed_ports, seen.exposed_udp_ports) == ((80, 443), (53,))
    assert {(one.host, one.port) for one in seen.endpoints} == {("127.0.0.1", 8080), ("::1", 8080)}
    assert seen.created_at_utc_s == 1795980706
    assert dict(ROW["Labels"]) == {label.name: label.value for label in seen.labels}


@pytest.mark.case("D5")
@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({}, "passing"),
        ({"Health": {"Status": "unhealthy"}, "Status": "Up (healthy)"}, "failing"),
        ({"Health": {"Status": "none"}, "Status": "Up (healthy)"}, "none"),
        ({"Health": {"Status": "starting"}}, "starting"),
        ({"Health": None, "Status": "Up 3 minutes (unhealthy)"}, "failing"),
        ({"Health": "odd", "Status": "Up 3 minutes (health: starting)"}, "starting"),
    ],
)
def test_health_of_a_row_is_its_field_where_there_is_one(
    changed: dict[str, Any], check: str
) -> None:
    assert read_row({**ROW, **changed}).check == check


@pytest.mark.parametrize(
    ("state", "status", "phase", "detail"),
    [
        ("exited", "Exited (137) 2 minutes ago", "stopped", "exited with code 137"),
        ("restarting", "Restarting (1) 2 seconds ago", "stopped", "exited with code ?, restarting"),
        ("paused", "Up 2 minutes (Paused)", "paused", "paused"),
        ("created", "Created", "created", "created, never started"),
    ],
)
def test_phase_of_a_row_is_that_of_an_inspection(
    state: str, status: str, phase: str, detail: str
) -> None:
    row = {**ROW, "State": state, "Status": status, "Health": None}
    container = read(row)

    assert (container.phase, container.observation.detail) == (phase, detail)
    assert not read_row(row).contradicts(container)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ROW)), JSON)
def test_row_in_an_unknown_format_leaves_the_container_to_its_inspection(
    key: str, value: object
) -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.look()
    (row,) = lab.docker.rows()
    lab.perform(lab.inventory.overdue(web, lab.now_s))

    lab.perform(lab.inventory.listed([{**row, key: value, "Id": web}], 10**6, lab.now_s))

    assert lab.inventory.not_inspectable


@pytest.mark.case("D5")
def test_inventory_is_complete_with_the_rows_of_what_does_not_answer() -> None:
    lab = Lab()
    stuck = lab.docker.run("stuck", ports={80: 8080}, checked=True)
    lab.docker.run("other")
    lab.look()
    lab.wanted.remove(stuck)
    lab.inspect()
    assert [lab.inventory.complete] == [False]

    lab.perform(lab.inventory.overdue(stuck, lab.now_s))
    assert lab.listings_due == 1
    lab.look()

    by_row = lab.told["stuck"]
    assert [lab.inventory.complete] == [True]
    assert [*lab.inventory.not_inspectable] == ["stuck"]
    assert lab.notes == ["container_not_inspectable"]
    assert (by_row.running, by_row.check) == (True, "starting")

    lab.wanted = [stuck]
    lab.inspect()
    assert [*lab.inventory.not_inspectable] == []
    assert lab.told["stuck"].endpoints == by_row.endpoints


@pytest.mark.case("D5")
def test_row_follows_the_life_of_a_container_that_does_not_answer() -> None:
    lab = Lab()
    web = lab.docker.run("web", ports={80: 8080})
    lab.settle()
    known = lab.told["web"]
    lab.docker.kill(web)
    lab.hear()
    lab.docker.start_again(web)
    lab.hear()
    lab.wanted.clear()  # nobody answers
    lab.perform(lab.inventory.overdue(web, lab.now_s))
    lab.look()

    assert lab.told["web"].running
    assert lab.told["web"].container_host not in {known.container_host, ""}
    assert lab.told["web"].created_at_utc_s == known.created_at_utc_s
    before = lab.listings_due
    lab.docker.kill(web)
    lab.hear()
    assert (lab.told["web"].running, lab.listings_due) == (False, before + 1)
    lab.docker.remove(web)
    lab.hear()
    lab.look()
    assert lab.told == {}
    assert lab.unreported == []
    assert lab.inventory.not_inspectable == ()


@pytest.mark.case("D5")
def test_container_whose_inspection_fails_is_known_by_its_row_and_asked_about_again() -> None:
    lab = Lab()
    web = lab.docker.run("web", ports={80: 8080})
    lab.look()
    asked = 0
    for _ in range(20):
        if web in lab.wanted:
            asked += 1
            lab.wanted.clear()
            lab.perform(lab.inventory.not_inspected(web, lab.now_s))
        lab.now_s += AGAIN_S / 4
        lab.look()

    assert lab.told["web"].endpoints
    assert [lab.inventory.complete] == [True]
    assert 5 <= asked <= 7
    assert lab.listings_due == 1


# The actor.


def hang(host: FakeDocker, *container_ids: str) -> None:
    for container_id in container_ids:
        host.hanging[container_id] = threading.Event()


def answer(host: FakeDocker) -> None:
    for event in host.hanging.values():
        event.set()


def troubles(watched: Watched) -> list[str]:
    reports = messages_of(TroublesReported, watched.harness.sent)
    return [trouble.what for report in reports[-1:] for trouble in report.troubles]


@pytest.mark.case("D5")
def test_many_hanging_inspections_delay_nothing(start: Start) -> None:
    host = FakeDocker()
    stuck = [host.run(f"stuck{number:02}", ports={80: 8080 + number}) for number in range(40)]
    hang(host, *stuck)
    host.run("web")
    began_s = time.monotonic()

    watched = start(host)
    watched.until_complete()

    assert time.monotonic() - began_s < 6.0
    assert len(watched.known()) == 41
    assert watched.known()["stuck07"].endpoints[0].port == 8087
    # No call is repeated while it hangs, and not all are sent at once.
    assert len(host.inspected) == len(set(host.inspected)) <= HANGING_MAX + 4 + 1
    answer(host)


@pytest.mark.case("D5")
def test_what_cannot_be_inspected_is_named_in_the_status(start: Start) -> None:
    host = FakeDocker()
    hang(host, host.run("stuck"))
    watched = start(host)
    watched.harness.neighbours("services", "admin", generation=1)
    other = host.run("web")
    watched.until(has("web", running=True))
    web_s = watched.until(has("stuck", running=True))
    watched.until(lambda _: troubles(watched) == ["container stuck cannot be inspected"])
    host.remove(other)
    gone_s = watched.until(lambda known: known.keys() == {"stuck"})

    assert max(web_s, gone_s) < 2.0
    answer(host)
    watched.until(lambda _: troubles(watched) == [])


@pytest.mark.case("D5")
def test_row_that_is_older_than_an_event_is_ignored() -> None:
    lab = Lab()
    web = lab.docker.run("web")
    lab.settle()
    lab.docker.pause(web)
    lab.hear()
    lab.perform(lab.inventory.overdue(web, lab.now_s))
    since, rows = lab.inventory.sequence, lab.docker.rows()

    lab.docker.kill(web)
    lab.hear()
    lab.perform(lab.inventory.listed(rows, since, lab.now_s))

    assert not lab.told["web"].running
    assert not lab.told["web"].paused
