"""Times that are safe, and settings that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.leases.policy import LeasePolicy


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"clock_drift": -0.01}, "clock_drift"),
        ({"clock_drift": 0.21}, "clock_drift"),
        ({"margin_s": 0.0}, "above 0"),
        ({"renew_interval_s": 0.0}, "above 0"),
        ({"ttl_s": 2.4}, "at least 2.5"),
        ({"renew_interval_s": 2.0}, "at least 4.5"),
        ({"ttl_s": 0.4, "renew_interval_s": 0.1, "margin_s": 0.1}, "at least 0.5"),
    ],
)
def test_unsafe_settings_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        LeasePolicy(**settings)


def test_holder_stops_a_margin_before_the_lease_may_expire() -> None:
    policy = LeasePolicy(ttl_s=10.0, margin_s=0.5, clock_drift=0.01)

    assert policy.valid_until_s(100.0, 10.0) == pytest.approx(109.5)
    assert policy.free_at_s(100.0, 10.0) == pytest.approx(110.1)


@pytest.mark.parametrize(("holder", "other"), [(1.0, 1.01), (1.0, 1.0), (1.01, 1.0)])
def test_work_ends_before_another_node_begins_with_any_permitted_drift(
    holder: float, other: float
) -> None:
    policy = LeasePolicy(ttl_s=100.0)
    acts_end_after_s = (policy.valid_until_s(0.0, 100.0) + policy.margin_s) / holder

    others_begin_after_s = policy.free_at_s(0.0, 100.0) / other

    assert acts_end_after_s <= others_begin_after_s
