"""The gossip benchmark computes medians, and derives its goals from the peer."""

from __future__ import annotations

import pytest

from bench.gossip import FACTORS, goal_of, medians


def test_each_kind_has_its_own_median() -> None:
    values = {"constellation": [3.0, 1.0, 2.0], "memberlist": [5.0, 4.0]}

    assert medians(values) == {"constellation": 2.0, "memberlist": 4.5}


@pytest.mark.parametrize("what", sorted(FACTORS))
def test_the_goal_is_the_value_of_the_peer_times_the_factor(what: str) -> None:
    assert goal_of(what, 10, {"constellation": 1.0, "memberlist": 7.0}) == FACTORS[what] * 7.0


@pytest.mark.parametrize("count", [10, 50])
def test_there_is_a_goal_without_a_peer(count: int) -> None:
    assert goal_of("update", count, {"constellation": 1.0}) > 0
