"""Every service is checked at its own interval, and the process wakes for groups of them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.monitor.check_plan import GROUP_MAX, SLOT_S, CheckPlan


def checks_until(plan: CheckPlan, end_s: float) -> list[tuple[float, list[str]]]:
    """Return what is checked when; every check ends at once."""
    done: list[tuple[float, list[str]]] = []
    while (now_s := plan.next_due_s) < end_s:
        names = plan.take_due(now_s)
        done.append((now_s, names))
        for name in names:
            plan.ended(name, now_s)
    return done


@given(
    st.lists(st.sampled_from([0.3, 1.0, 2.5, 5.0, 30.0]), min_size=1, max_size=80),
    st.floats(0.0, 1000.0),
)
def test_each_service_is_checked_at_once_and_then_at_its_interval(
    intervals: list[float], began_s: float
) -> None:
    intervals_s = {f"s{number}": interval_s for number, interval_s in enumerate(intervals)}
    done = checks_until(CheckPlan(intervals_s, began_s), began_s + 61.0)

    assert (done[0][0], sorted(done[0][1])) == (began_s, sorted(intervals_s))
    for name, interval_s in intervals_s.items():
        times = [at_s for at_s, names in done if name in names]
        gaps = [after - before for before, after in pairwise(times)]
        assert max(gaps) <= interval_s + SLOT_S + 1e-6
        assert min(gaps[1:], default=interval_s) >= interval_s - SLOT_S - 1e-6


def test_sixty_services_wake_the_process_for_a_few_groups() -> None:
    done = checks_until(CheckPlan(dict.fromkeys(map(str, range(60)), 5.0), 0.0), 100.0)

    sizes = [len(names) for _, names in done[1:]]
    assert max(sizes) <= GROUP_MAX
    assert len(done) <= 1 + 20 * math.ceil(60 / GROUP_MAX)


def test_check_that_lasts_longer_than_its_interval_is_repeated_when_it_has_ended() -> None:
    plan = CheckPlan({"slow": 1.0, "quick": 1.0}, 0.0)
    assert plan.take_due(0.0) == ["slow", "quick"]
    plan.ended("quick", 0.1)
    for second in (1.0, 2.0):
        assert plan.take_due(second) == ["quick"]
        plan.ended("quick", second)

    plan.ended("slow", 2.5)

    assert plan.next_due_s == pytest.approx(2.5)
    assert plan.take_due(2.5) == ["slow"]
    assert plan.next_due_s == pytest.approx(3.0)
