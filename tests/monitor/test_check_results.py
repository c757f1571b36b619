"""Only results that can change the health of a service are sent on, and none of those is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from constellation.monitor.check_results import CheckResults
from constellation.monitor.health import HealthPolicy, ServiceHealth
from constellation.monitor.static_check import static_observation
from constellation.settings.monitor import StaticService
from messages.monitor import ServiceState

WEB = StaticService(name="web", address="127.0.0.1:80")
REFUSED, SILENT = "connection refused", "no answer within 1.0 s"
RESULTS = st.lists(st.sampled_from([None, REFUSED, SILENT]), max_size=30)
POLICIES = st.builds(HealthPolicy, st.integers(1, 4), st.integers(1, 4))


def states_of_all(results: list[str | None], policy: HealthPolicy) -> list[ServiceState]:
    """Return the state after each result, of a monitor that sees every one."""
    health, states = ServiceHealth(policy), []
    for failure in results:
        seen = static_observation(WEB, failure)
        health = health.step(seen)
        states.append(health.state(seen))
    return states


@given(RESULTS, POLICIES)
def test_monitor_that_sees_the_news_alone_concludes_the_same(
    results: list[str | None], policy: HealthPolicy
) -> None:
    core, health = CheckResults([WEB], policy), ServiceHealth(policy)
    state: ServiceState | None = None
    for failure, expected in zip(results, states_of_all(results, policy), strict=True):
        if (seen := core.add_result("web", failure)) is not None:
            health = health.step(seen)
            state = health.state(seen)
        assert state == expected


@given(RESULTS, POLICIES, st.integers(0, 29))
def test_successor_that_is_told_only_the_latest_observation_concludes_the_same_in_the_end(
    results: list[str | None], policy: HealthPolicy, restarted_at: int
) -> None:
    results = [*results, *results[-1:] * 4]  # the last result in a row changes the health
    core, health = CheckResults([WEB], policy), ServiceHealth(policy)
    published: ServiceState | None = None
    for number, failure in enumerate(results):
        seen = core.add_result("web", failure)
        if number == restarted_at:
            health = ServiceHealth(policy)
            health = health.resumed(published) if published is not None else health
            (seen,) = core.everything()
        if seen is not None:
            health = health.step(seen)
            published = health.state(seen)
    if published is not None:
        assert published.health == ("healthy" if results[-1] is None else "unhealthy")


def test_results_that_repeat_are_no_news() -> None:
    core = CheckResults([WEB], HealthPolicy(failing_count=2, passing_count=1))
    results = [None, None, None, REFUSED, REFUSED, REFUSED, REFUSED, SILENT, None, None]

    news = [core.add_result("web", failure) is not None for failure in results]

    assert news == [True, False, False, True, True, False, False, True, True, False]
