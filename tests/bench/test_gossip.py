"""The benchmark of gossip reads what the members answer, and sets its goals by the peer."""

from __future__ import annotations

import pytest

from bench.gossip import FACTORS, goal_of, medians


def test_median_of_each_kind_is_its_own() -> None:
    values = {"constellation": [3.0, 1.0, 2.0], "memberlist": [5.0, 4.0]}

    assert medians(values) == {"constellation": 2.0, "memberlist": 4.5}


@pytest.mark.parametrize("what", sorted(FACTORS))
def test_goal_is_the_peers_value_of_this_run_times_the_factor(what: str) -> None:
    assert goal_of(what, 10, {"constellation": 1.0, "memberlist": 7.0}) == FACTORS[what] * 7.0


@pytest.mark.parametrize("count", [10, 50])
def test_without_a_peer_there_is_still_a_goal(count: int) -> None:
    assert goal_of("update", count, {"constellation": 1.0}) > 0
