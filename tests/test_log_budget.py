"""Each kind of event may write a burst of lines and then a few a minute."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.log import configure_logging, get_logger
from constellation.log_budget import BURST, REFILL_S, Kind, LogBudget
from constellation.log_output import EXCEPTION_CHARACTERS_MAX

FLOOD = Kind("aiohttp.server", "library_said")
OTHER = Kind("actors.http", "routes_settled")


def test_a_burst_is_written_and_the_rest_suppressed_and_counted() -> None:
    budget = LogBudget()

    written = [budget.spend(FLOOD, 0.0) for _ in range(BURST + 5)]

    assert written == [0] * BURST + [None] * 5
    assert budget.spend(FLOOD, REFILL_S) == 5
    assert budget.spend(FLOOD, REFILL_S) is None


def test_a_flood_of_one_kind_leaves_the_budget_of_another() -> None:
    budget = LogBudget()
    for _ in range(10 * BURST):
        budget.spend(FLOOD, 0.0)

    assert budget.spend(OTHER, 0.0) == 0


def test_kinds_that_never_end_share_one_budget() -> None:
    budget = LogBudget(burst=2, kinds_max=3)

    written = [budget.spend(Kind("m", f"event {n}"), 0.0) for n in range(100)]

    assert written.count(0) == 3 + 2


@given(st.lists(st.floats(0.0, 1.0), max_size=400))
def test_no_more_than_a_burst_and_the_refill_are_written(steps_s: list[float]) -> None:
    budget, now_s, written = LogBudget(burst=5, refill_s=2.0), 0.0, 0
    for step_s in steps_s:
        now_s += step_s
        written += budget.spend(FLOOD, now_s) is not None

    assert written <= 5 + now_s / 2.0 + 1


@pytest.mark.case("S3")
def test_a_flood_of_errors_with_tracebacks_stays_below_400_kb_of_log() -> None:
    out = StringIO()
    configure_logging(form="json", level="info", node="alpha", stream=out)

    error = ValueError("\xff" * 100_000)

    for _ in range(2000):
        get_logger("aiohttp.server").error("library_said", text="a request", exc_info=error)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == BURST
    assert all(len(line["exception"]) <= EXCEPTION_CHARACTERS_MAX + 3 for line in lines)
    assert len(out.getvalue()) < 400_000
