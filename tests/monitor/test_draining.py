"""Asked to stop, and still running: since when, by which signal, and until when."""

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
def test_signal_is_read_as_docker_writes_it(text: str, number: int) -> None:
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
def test_stop_signal_is_sigterm_unless_the_container_says(
    config: dict[str, Any], number: int
) -> None:
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
def test_a_container_is_waited_for_as_long_as_docker_does(
    config: dict[str, Any], limit_s: float
) -> None:
    assert drain_limit_s(config) == limit_s


def test_inspection_of_one_that_was_asked_shows_it_draining() -> None:
    draining = Draining()

    asked = draining.ask(container(), 100.0)

    assert asked.observation.draining
    assert draining.seen(container(), 115.0) == asked
    assert not draining.is_over(container(), 115.0)


@pytest.mark.parametrize(
    ("later", "at_s"),
    [
        pytest.param(container(), 115.1, id="it ignored the signal"),
        pytest.param(container(started_at="tuesday"), 101.0, id="it was started again"),
        pytest.param(container(phase="stopped"), 101.0, id="it has ended"),
    ],
)
def test_it_drains_no_more(later: Container, at_s: float) -> None:
    draining = Draining()
    draining.ask(container(), 100.0)

    assert not draining.seen(later, at_s).observation.draining
    assert len(draining) == 0


def test_asked_again_it_has_time_again() -> None:
    draining = Draining()
    draining.ask(container(), 100.0)
    draining.ask(container(), 110.0)

    assert draining.seen(container(), 124.0).observation.draining


def test_nobody_drains_unasked() -> None:
    draining = Draining()

    assert not draining.is_over(container(), 100.0)
    assert draining.seen(container(), 100.0) == container()
