"""Back-off and intensity limit of one actor's restarts."""

import pytest

from constellation.supervision.restart import Restart, RestartHistory, RestartPolicy

POLICY = RestartPolicy(backoff_min_s=0.2, backoff_max_s=1.0, count_max=4, period_s=60.0)


def test_waits_double_up_to_the_ceiling_and_then_the_limit_stops_the_storm() -> None:
    history, waits = RestartHistory(), []
    for exit_at_s in range(5):
        history, restart = history.exited(POLICY, float(exit_at_s))
        waits.append((round(restart.at_s - exit_at_s, 3), restart.given_up))

    assert waits == [(0.2, False), (0.4, False), (0.8, False), (1.0, False), (60.0, True)]


def test_exits_older_than_the_period_are_forgotten() -> None:
    history = RestartHistory((1.0, 2.0, 3.0, 4.0))

    history, restart = history.exited(POLICY, 64.5)

    assert history == RestartHistory((64.5,))
    assert restart == Restart(64.7, given_up=False)


def test_after_giving_up_a_quiet_period_allows_one_more_try() -> None:
    history = RestartHistory((0.0, 0.1, 0.2, 0.3))
    history, restart = history.exited(POLICY, 1.0)
    assert restart.given_up

    _, restart = history.exited(POLICY, restart.at_s + 0.5)

    assert not restart.given_up


@pytest.mark.parametrize("exit_count", [1, 50, 5000])
def test_history_stays_bounded(exit_count: int) -> None:
    history = RestartHistory()
    for _ in range(exit_count):
        history, _ = history.exited(POLICY, 1.0)

    assert len(history.exits_at_s) <= POLICY.count_max + 1
