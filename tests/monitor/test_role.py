"""Which instance takes writes: by label, or by a line of the health check."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.monitor.container import Container, read_container
from constellation.monitor.published_ports import PublishPolicy
from constellation.monitor.static_check import static_observation
from constellation.settings.monitor import StaticService

LOCAL = PublishPolicy("127.0.0.1", "127.0.0.1")
BY_CHECK = {"constellation.primary": "health"}
RUNNING = {"Status": "running", "Running": True, "StartedAt": "2026-01-02T00:00:00.5Z"}


def read(labels: dict[str, str], state: dict[str, Any]) -> Container:
    found = {"Id": "abc", "Name": "/db", "State": state, "Config": {"Labels": labels}}
    container = read_container(found, LOCAL)
    assert isinstance(container, Container)
    return container


def checked(*outputs: str, **entry: Any) -> dict[str, Any]:
    log = [{"ExitCode": 0, "Output": output, **entry} for output in outputs]
    return {**RUNNING, "Health": {"Status": "healthy", "Log": log}}


@pytest.mark.parametrize(
    ("labels", "role"),
    [
        pytest.param({}, "", id="no label"),
        pytest.param({"constellation.primary": "true"}, "primary", id="true"),
        pytest.param({"constellation.primary": "false"}, "replica", id="false"),
        pytest.param({"Constellation.Primary": " TRUE "}, "primary", id="in any case"),
        pytest.param({"constellation.primary": "yes"}, "", id="another word"),
        pytest.param({"constellation.primary": ""}, "", id="nothing"),
        pytest.param(BY_CHECK, "", id="the check, and there is none"),
    ],
)
def test_label_sets_the_role(labels: dict[str, str], role: str) -> None:
    container = read(labels, RUNNING)

    assert container.observation.role == role
    assert container.stopped("").observation.role == role


@pytest.mark.parametrize(
    ("output", "role"),
    [
        pytest.param("role: primary", "primary", id="primary"),
        pytest.param("role: replica\n", "replica", id="replica"),
        pytest.param("  Role: PRIMARY \r\n", "primary", id="any case, spaces around"),
        pytest.param("# Replication\r\nrole:master\r\nslaves:0\r\n", "primary", id="Redis"),
        pytest.param("role:slave\r\nmaster_host:10.0.0.1\r\n", "replica", id="Redis, replica"),
        pytest.param("role: primary\nrole: replica\n", "replica", id="the last line counts"),
        pytest.param("the role: primary", "", id="in a sentence"),
        pytest.param("role: primary-to-be", "", id="more than the word"),
        pytest.param("role: leader", "", id="another word"),
        pytest.param("", "", id="silent"),
    ],
)
def test_check_reports_the_role(output: str, role: str) -> None:
    assert read(BY_CHECK, checked(output)).observation.role == role


def test_only_the_latest_check_reports_the_role() -> None:
    assert read(BY_CHECK, checked("role: primary", "timed out")).observation.role == ""


def test_check_reports_the_role_only_with_the_label() -> None:
    by_label = {"constellation.primary": "false"}

    assert read({}, checked("role: primary")).observation.role == ""
    assert read(by_label, checked("role: primary")).observation.role == "replica"


@pytest.mark.parametrize(
    ("start", "role"),
    [
        pytest.param("2026-01-02T00:00:01.123456789Z", "primary", id="of this life"),
        pytest.param("2026-01-02T01:00:01+01:00", "primary", id="in another zone"),
        pytest.param("2026-01-01T23:59:59.9Z", "", id="of the life before"),
        pytest.param("2026-01-02T01:00:00.4+01:00", "", id="of the life before, in another zone"),
        pytest.param("soon", "primary", id="no time"),
    ],
)
def test_check_of_the_previous_run_is_ignored(start: str, role: str) -> None:
    assert read(BY_CHECK, checked("role: primary", Start=start)).observation.role == role


def test_paused_container_keeps_the_role_of_its_check_and_stopped_does_not() -> None:
    said = checked("role: primary")

    assert read(BY_CHECK, {**said, "Paused": True}).observation.role == "primary"
    assert read(BY_CHECK, said).paused().observation.role == "primary"
    assert read(BY_CHECK, said).stopped("").observation.role == ""
    assert read(BY_CHECK, {**said, "Running": False}).observation.role == ""


def test_rest_of_the_check_output_is_discarded() -> None:
    said = "hunter2\nrole: primary hunter2\nrole: replica\n"

    container = read(BY_CHECK, checked(said))

    assert container.observation.role == "replica"
    assert "hunter2" not in repr(container)


@pytest.mark.parametrize(
    ("value", "role"), [("true", "primary"), ("false", "replica"), ("health", "")]
)
def test_static_service_has_the_role_of_its_label(value: str, role: str) -> None:
    service = StaticService(
        name="db", address="10.0.0.1:5432", labels={"constellation.primary": value}
    )

    assert static_observation(service, None).role == role
