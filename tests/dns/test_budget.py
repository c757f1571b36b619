"""No call gets around the limits, and they are far below the provider's."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.dns.budget import BudgetPolicy, CallBudget
from messages.dns_calls import DnsBudgetSeen

POLICY = BudgetPolicy()


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_no_window_has_more_calls_than_any_of_the_limits(seed: int) -> None:
    random, budget, now_s = Random(seed), CallBudget(POLICY, 0.0), 0.0
    taken: list[float] = []
    for _ in range(3000):
        now_s += random.choice((0.0, 0.01, 0.3, 2.0))
        if budget.take(now_s):
            taken.append(now_s)
    for start, at_s in enumerate(taken):
        in_second = sum(at_s <= one < at_s + 1.0 for one in taken[start : start + 40])
        assert in_second <= POLICY.burst + POLICY.rate_per_s
        window = sum(at_s <= one < at_s + POLICY.window_s for one in taken[start:])
        assert window <= POLICY.window_calls


def test_the_wait_that_the_provider_asks_for_is_kept_to_the_second() -> None:
    budget = CallBudget(POLICY, 0.0)
    assert budget.take(10.0)
    budget.limited(300.0, 10.0)
    assert budget.next_at_s(11.0) == 310.0
    assert not budget.take(309.9)
    assert budget.blocked_s(300.0) == 10.0
    assert budget.take(310.0)


def test_what_others_have_used_up_is_waited_for() -> None:
    budget = CallBudget(POLICY, 0.0)
    budget.seen(DnsBudgetSeen(remaining=500, reset_s=120.0), 0.0)
    assert budget.take(0.0)
    budget.seen(DnsBudgetSeen(remaining=POLICY.reserve, reset_s=120.0), 1.0)
    assert budget.next_at_s(2.0) == 121.0


def test_calls_at_once_are_a_burst_and_then_a_rate() -> None:
    budget = CallBudget(POLICY, 0.0)
    assert [budget.take(0.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert budget.next_at_s(0.0) == 0.25
    assert budget.left(0.0) == POLICY.window_calls - 10
