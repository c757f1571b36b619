"""A process that is late itself is patient with others, and recovers."""

from __future__ import annotations

from constellation.lateness import LATE_S, PATIENCE_MAX, POINTS_MAX, RECOVERY_S, Lateness


def test_a_process_that_is_on_time_has_no_patience() -> None:
    lateness = Lateness(0.05)

    late = [lateness.ticked(0.05 * n) for n in range(100)]

    assert late == [0.0] * 100
    assert lateness.patience == 1


def test_a_late_tick_is_reported_and_raises_the_patience() -> None:
    lateness = Lateness(0.05)
    lateness.ticked(10.0)

    assert lateness.ticked(10.05 + LATE_S + 0.01) > LATE_S
    assert lateness.patience == 2


def test_a_stall_makes_its_timeouts_longer_than_the_stall() -> None:
    lateness = Lateness(0.05)
    lateness.ticked(10.0)
    late_s = lateness.ticked(12.5)

    assert lateness.patience * 1.0 > late_s + 0.5


def test_one_long_pause_is_no_busy_machine() -> None:
    lateness = Lateness(0.05)
    lateness.ticked(10.0)
    lateness.ticked(10_000.0)

    assert lateness.patience == 1 + POINTS_MAX


def test_time_that_a_slow_disk_takes_is_not_lateness() -> None:
    lateness = Lateness(0.05)
    lateness.ticked(10.0)
    lateness.worked(2.0)

    assert lateness.ticked(12.05) == 0.0
    assert lateness.patience == 1


def test_patience_has_a_limit_and_ends_after_the_load() -> None:
    lateness, now_s = Lateness(0.05), 0.0
    for _ in range(50):
        now_s += 1.0
        lateness.ticked(now_s)
    assert lateness.patience == PATIENCE_MAX

    while now_s < 50.0 + PATIENCE_MAX * RECOVERY_S:
        now_s += 0.05
        lateness.ticked(now_s)

    assert lateness.patience == 1
