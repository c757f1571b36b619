"""Containers asked to stop that still run: by which signal, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.monitor.container import Container
from constellation.monitor.draining import Draining
from constellation.monitor.stop_signal import drain_limit_s, signal_number, stop_signal
from tests.monitor.builders import observation


def container(**fields: Any) -> Container:
    known: dict[str, Any] = {"phase": "running", "started_at": "monday", **fields}
    return Container("abc", "web", observation=observation(), **known)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("15", 15),
        ("SIGTERM", 15),
        ("term", 15),
        ("SIGQUIT", 3),
        (" sigwinch ", 28),
        ("SIGRTMIN+3", 37),
        ("RTMIN", 34),
        ("SIGRTMAX-1", 63),
        ("", 0),
        ("SIG", 0),
        ("SIGNONE", 0),
        ("\u0661\u0665", 0),
    ],
)
def test_signal_is_parsed_in_the_notations_of_docker(text: str, number: int) -> None:
    assert signal_number(text) == number


@pytest.mark.parametrize(
    ("config", "number"),
    [
        ({}, 15),
        ({"StopSignal": ""}, 15),
        ({"StopSignal": "SIGQUIT"}, 3),
        ({"StopSignal": "37"}, 37),
    ],
)
def test_stop_signal_defaults_to_sigterm(config: dict[str, Any], number: int) -> None:
    assert stop_signal(config) == number


@pytest.mark.parametrize(
    ("config", "limit_s"),
    [
        ({}, 15.0),
        ({"StopTimeout": None}, 15.0),
        ({"StopTimeout": 0}, 15.0),
        ({"StopTimeout": 60}, 65.0),
        ({"StopTimeout": 86_400}, 600.0),
        ({"StopTimeout": -1}, 600.0),
    ],
)
def test_drain_limit_follows_the_stop_timeout_of_docker(
    config: dict[str, Any], limit_s: float
) -> None:
    assert drain_limit_s(config) == limit_s


def test_inspected_container_that_was_asked_to_stop_is_draining() -> None:
    draining = Draining()

    asked = draining.begin(container(), 100.0)

    assert asked.observation.draining
    assert draining.marked(container(), 115.0) == asked
    assert not draining.is_over(container(), 115.0)


@pytest.mark.parametrize(
    ("later", "at_s"),
    [
        pytest.param(container(), 115.1, id="it ignored the signal"),
        pytest.param(container(started_at="tuesday"), 101.0, id="it was started again"),
        pytest.param(container(phase="stopped"), 101.0, id="it has ended"),
    ],
)
def test_draining_ends(later: Container, at_s: float) -> None:
    draining = Draining()
    draining.begin(container(), 100.0)

    assert not draining.marked(later, at_s).observation.draining
    assert len(draining) == 0


def test_second_stop_signal_restarts_the_drain_limit() -> None:
    draining = Draining()
    draining.begin(container(), 100.0)
    draining.begin(container(), 110.0)

    assert draining.marked(container(), 124.0).observation.draining


def test_container_that_was_not_asked_to_stop_is_not_draining() -> None:
    draining = Draining()

    assert not draining.is_over(container(), 100.0)
    assert draining.marked(container(), 100.0) == container()
