"""When an entry point of Traefik is asked, and when it counts as failing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.entry_points import (
    AGAIN_S,
    ASK_EVERY_S,
    KNOCK_EVERY_S,
    EntryPoint,
    entry_point,
)

REFUSED = "connection refused"


def answers(point: EntryPoint, now_s: float) -> None:
    point.told("ask", "", now_s)


def is_refused(point: EntryPoint, from_s: float) -> float:
    """Refuse every connection from then on; return when the entry point failed."""
    now_s = max(from_s, point.due_at_s)
    while True:
        point.told(point.question(now_s), REFUSED, now_s)
        if fails(point):
            return now_s
        now_s = point.due_at_s


def fails(point: EntryPoint) -> bool:
    return point.state == "fails"


def working() -> EntryPoint:
    point = EntryPoint("127.0.0.1", 80)
    answers(point, 0.0)
    return point


@given(st.floats(0.0, 10.0))
def test_traefik_that_ends_fails_within_one_and_a_half_seconds(ends_at_s: float) -> None:
    point = working()
    while point.due_at_s < ends_at_s:
        point.told(point.question(point.due_at_s), "", point.due_at_s)

    failed_at_s = is_refused(point, from_s=ends_at_s)

    assert failed_at_s == pytest.approx(ends_at_s + 1.25, abs=0.25)


@given(st.floats(0.0, 5.0), st.floats(0.0, 0.999))
def test_restart_in_less_than_a_second_is_no_failure(ends_at_s: float, for_s: float) -> None:
    point = working()
    while point.due_at_s < ends_at_s + for_s + 3.0:
        now_s = point.due_at_s
        is_away = ends_at_s <= now_s < ends_at_s + for_s
        point.told(point.question(now_s), REFUSED if is_away else "", now_s)
        assert point.state == "works"

    assert point.why == ""


def test_one_slow_answer_is_no_failure_and_a_second_one_is() -> None:
    point = working()
    point.told("ask", "no answer within 2 s", 4.0)
    assert (point.state, point.due_at_s, point.question(4.2)) == ("works", 4.0 + AGAIN_S, "ask")

    answers(point, 4.3)
    point.told("ask", "no answer within 2 s", 8.0)
    assert not fails(point)
    point.told("ask", "no answer within 2 s", 10.2)

    assert fails(point)


def test_what_answers_is_knocked_at_and_asked_from_time_to_time() -> None:
    point = working()
    questions = []
    while point.due_at_s < 10.0:
        now_s = point.due_at_s
        questions.append(point.question(now_s))
        point.told(questions[-1], "", now_s)

    assert questions.count("ask") <= 10.0 / ASK_EVERY_S
    assert len(questions) == int(10.0 / KNOCK_EVERY_S)


def test_only_an_answer_ends_a_failure() -> None:
    point = working()
    failed_at_s = is_refused(point, from_s=1.0)

    assert point.question(failed_at_s + KNOCK_EVERY_S) == "ask"
    answers(point, failed_at_s + KNOCK_EVERY_S)
    assert (point.state, point.why) == ("works", "")


def test_address_is_written_as_in_the_settings() -> None:
    for address in ("127.0.0.1:80", "[::1]:443", "proxy.example:8443"):
        assert entry_point(address).address == address
