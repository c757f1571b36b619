"""A process that is late itself is patient with others, and recovers."""

from __future__ import annotations

import pytest

from constellation.lateness import LATE_S, PATIENCE_MAX, POINTS_MAX, RECOVERY_S, Lateness


def woken(lateness: Lateness, due_s: float, now_s: float) -> float:
    """Let the process be woken at `now_s` after it has asked for `due_s`."""
    lateness.expect(due_s)
    return lateness.woken(now_s)


def test_a_process_that_is_on_time_has_no_patience() -> None:
    lateness = Lateness()

    late = [woken(lateness, float(n), n + LATE_S / 2) for n in range(100)]

    assert late == [0.0] * 100
    assert lateness.patience == 1


def test_a_process_that_asks_for_nothing_is_not_late() -> None:
    assert Lateness().woken(10_000.0) == 0.0


def test_a_late_wakeup_is_reported_and_raises_the_patience() -> None:
    lateness = Lateness()

    assert woken(lateness, 10.0, 10.0 + LATE_S + 0.01) == pytest.approx(LATE_S + 0.01)
    assert lateness.patience == 2


def test_a_stall_makes_its_timeouts_longer_than_the_stall() -> None:
    lateness = Lateness()
    late_s = woken(lateness, 10.0, 12.5)

    assert lateness.patience * 1.0 > late_s + 0.4


def test_one_long_pause_is_no_busy_machine() -> None:
    lateness = Lateness()
    woken(lateness, 10.0, 10_000.0)

    assert lateness.patience == 1 + POINTS_MAX


def test_time_that_a_slow_disk_takes_is_not_lateness() -> None:
    lateness = Lateness()
    lateness.expect(10.0)
    lateness.worked(9.5, 10.5)
    lateness.worked(10.5, 12.0)

    assert lateness.woken(12.05) == 0.0
    assert lateness.patience == 1


def test_a_slow_disk_excuses_neither_what_came_before_nor_what_came_after() -> None:
    lateness = Lateness()
    lateness.expect(10.0)
    lateness.worked(5.0, 9.0)  # before it was due
    lateness.worked(11.0, 12.0)

    assert lateness.woken(13.0) == pytest.approx(2.0)


def test_patience_has_a_limit_and_ends_after_the_load() -> None:
    lateness = Lateness()
    for second in range(50):
        woken(lateness, second, second + 0.9)
    assert lateness.patience == PATIENCE_MAX

    now_s = 50.0
    while now_s < 50.0 + PATIENCE_MAX * RECOVERY_S:
        now_s += 0.5
        woken(lateness, now_s, now_s)

    assert lateness.patience == 1
