"""Observations to health: Docker's reports at once, single checks with hysteresis."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.monitor.health import HealthPolicy, ServiceHealth
from messages.monitor import ServiceObservation
from tests.monitor.builders import observation

POLICY = HealthPolicy(failing_count=3, passing_count=2)


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        pytest.param({"check": "none"}, "healthy", id="running without a check"),
        pytest.param({"check": "passing"}, "healthy", id="check passing"),
        pytest.param({"check": "starting"}, "starting", id="in its start period"),
        pytest.param({"check": "failing"}, "unhealthy", id="check failing"),
        pytest.param({"running": False, "check": "none"}, "stopped", id="exited"),
        pytest.param({"running": False, "paused": True}, "unhealthy", id="paused"),
        pytest.param({"running": False, "check": "passing"}, "stopped", id="died while passing"),
    ],
)
def test_reports_of_docker_take_effect_at_once(seen: dict[str, Any], health: str) -> None:
    assert ServiceHealth(POLICY).step(observation(**seen)).health == health


def checks(results: str, instance: str = "127.0.0.1:80") -> list[ServiceObservation]:
    kinds = {"+": "passing", "-": "failing", "?": "starting"}
    return [
        observation(source="static", check=kinds[result], instance=instance) for result in results
    ]


@pytest.mark.parametrize(
    ("results", "health"),
    [
        pytest.param("?", "starting", id="not checked yet"),
        pytest.param("+", "starting", id="one pass is too few"),
        pytest.param("++", "healthy", id="enough passes"),
        pytest.param("--", "starting", id="too few failures to say anything"),
        pytest.param("---", "unhealthy", id="never was up"),
        pytest.param("++--", "healthy", id="two failures are forgiven"),
        pytest.param("++--+--", "healthy", id="a pass between starts the count again"),
        pytest.param("++---", "unhealthy", id="enough failures in a row"),
        pytest.param("---+", "unhealthy", id="one pass does not heal"),
        pytest.param("---++", "healthy", id="healed"),
        pytest.param("+-+-+-+-", "starting", id="never twice the same"),
    ],
)
def test_static_health_changes_after_consecutive_checks(results: str, health: str) -> None:
    believed = ServiceHealth(POLICY)
    for seen in checks(results):
        believed = believed.step(seen)

    assert believed.health == health


def test_reason_stays_while_the_health_stays() -> None:
    refused = observation(source="static", check="failing", detail="connection refused")
    silent = observation(source="static", check="failing", detail="no answer within 1 s")
    believed = ServiceHealth(HealthPolicy(failing_count=1))

    after = believed.step(refused).step(silent)

    assert (after.health, after.reason) == ("unhealthy", "connection refused")


def test_checks_of_another_instance_do_not_count() -> None:
    believed = ServiceHealth(POLICY)
    for seen in [*checks("++--"), *checks("-", instance="127.0.0.1:81")]:
        believed = believed.step(seen)

    assert believed.health == "starting"


def test_successor_continues_from_the_concluded_state() -> None:
    predecessor = ServiceHealth(POLICY)
    for seen in checks("++"):
        predecessor = predecessor.step(seen)
    concluded = predecessor.state(checks("+")[0])

    successor = ServiceHealth(POLICY).resumed(concluded).step(checks("-")[0])

    assert successor.health == "healthy"


@pytest.mark.parametrize(
    "news",
    [
        {"container_host": "172.17.0.2"},
        {"role": "replica"},
        {"draining": True},
        {"exposed_ports": (80,)},
        {"exposed_udp_ports": (53,)},
    ],
    ids=lambda news: next(iter(news)),
)
def test_every_observed_field_is_published_and_a_change_of_it_differs(news: dict[str, Any]) -> None:
    before, after = observation(), observation(**news)
    believed = ServiceHealth(POLICY).step(before)

    state = believed.step(after).state(after)

    assert {name: getattr(state, name) for name in news} == news
    assert state != believed.state(before)


SEEN = st.builds(
    observation,
    source=st.sampled_from(["docker", "static"]),
    running=st.booleans(),
    paused=st.booleans(),
    check=st.sampled_from(["passing", "failing", "starting", "none"]),
    instance=st.sampled_from(["a", "b"]),
)


@given(st.lists(SEEN, min_size=1))
def test_stopped_is_never_healthy_and_starting_is_never_unhealthy(
    history: list[ServiceObservation],
) -> None:
    believed = ServiceHealth(POLICY)
    for seen in history:
        believed = believed.step(seen)

        assert seen.running or believed.health in {"stopped", "unhealthy"}
        if seen.source == "docker" and seen.running and seen.check == "starting":
            assert believed.health == "starting"
        assert believed.state(seen).health == believed.health
