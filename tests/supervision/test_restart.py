"""Back-off and intensity limit of one actor's restarts."""

import pytest

from constellation.supervision.restart import Restart, RestartHistory, RestartPolicy

POLICY = RestartPolicy(backoff_min_s=0.2, backoff_max_s=1.0, count_max=4, period_s=60.0)


def test_back_off_doubles_up_to_its_maximum_until_the_limit_is_reached() -> None:
    history, waits = RestartHistory(), []
    for exit_at_s in range(5):
        history, restart = history.exited(POLICY, float(exit_at_s))
        waits.append((round(restart.at_s - exit_at_s, 3), restart.given_up))

    assert waits == [(0.2, False), (0.4, False), (0.8, False), (1.0, False), (5.0, True)]


def test_exits_older_than_the_period_are_forgotten() -> None:
    history = RestartHistory((1.0, 2.0, 3.0, 4.0))

    history, restart = history.exited(POLICY, 64.5)

    assert history == RestartHistory((64.5,), restart_at_s=64.7)
    assert restart == Restart(64.7, given_up=False)


def past_the_limit() -> tuple[RestartHistory, Restart]:
    return RestartHistory((0.0, 0.1, 0.2, 0.3)).exited(POLICY, 1.0)


def test_slow_restarts_continue_when_earlier_exits_are_older_than_the_period() -> None:
    history, restart = past_the_limit()
    for wait_s in (10.0, 20.0, 40.0, 60.0, 60.0):
        history, restart = history.exited(POLICY, restart.at_s + 0.5)
        assert restart.given_up
        assert restart.at_s - history.exits_at_s[-1] == pytest.approx(wait_s)


@pytest.mark.parametrize(("ran_s", "given_up"), [(59.9, True), (60.0, False)])
def test_restarts_are_quick_again_after_a_period_without_an_exit(
    ran_s: float, given_up: bool
) -> None:
    history, restart = past_the_limit()

    _, again = history.exited(POLICY, restart.at_s + ran_s)

    assert again.given_up == given_up


@pytest.mark.parametrize("exit_count", [1, 50, 5000])
def test_history_stays_bounded(exit_count: int) -> None:
    history = RestartHistory()
    for _ in range(exit_count):
        history, _ = history.exited(POLICY, 1.0)

    assert len(history.exits_at_s) <= POLICY.count_max + 1
