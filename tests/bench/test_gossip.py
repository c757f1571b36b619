"""The gossip benchmark computes medians, and derives its goals from the peer."""

from __future__ import annotations

from io import StringIO
from math import log
from pathlib import Path
from random import Random

import pytest

from bench.figures import Figures
from bench.gossip import FACTORS, goal_of, medians
from bench.gossip_pairs import interval_of_median, load, report, save


def test_each_kind_has_its_own_median() -> None:
    values = {"constellation": [3.0, 1.0, 2.0], "memberlist": [5.0, 4.0]}

    assert medians(values) == {"constellation": 2.0, "memberlist": 4.5}


@pytest.mark.parametrize("what", sorted(FACTORS))
def test_the_goal_is_the_value_of_the_peer_times_the_factor(what: str) -> None:
    assert goal_of(what, 10, {"constellation": 1.0, "memberlist": 7.0}) == FACTORS[what] * 7.0


@pytest.mark.parametrize("count", [10, 50])
def test_there_is_a_goal_without_a_peer(count: int) -> None:
    assert goal_of("update", count, {"constellation": 1.0}) > 0


# Pairs.


def test_interval_of_the_median_has_the_ranks_of_the_sign_test() -> None:
    thirty = [float(number) for number in range(30, 0, -1)]

    assert interval_of_median(thirty) == (10.0, 21.0)
    assert interval_of_median([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert interval_of_median([7.0]) == (7.0, 7.0)


@pytest.mark.parametrize("count", [6, 17, 30, 31])
def test_interval_contains_the_true_median_as_often_as_it_says(count: int) -> None:
    random, hits = Random(count), 0
    for _ in range(2000):
        low, high = interval_of_median([random.expovariate(1.0) for _ in range(count)])
        hits += low <= log(2) <= high

    assert hits / 2000 >= 0.94


def test_report_gives_the_median_of_the_ratios_and_who_was_sooner(tmp_path: Path) -> None:
    out = StringIO()
    with Figures("gossip_long", directory=tmp_path, out=out) as figures:
        report(figures, "n10_kill_to_dead", [(4.0, 5.0), (6.0, 5.0), (4.5, 5.0)])

    assert "gossip_long.n10_kill_to_dead_ratio 0.9 x goal=1 ok" in out.getvalue()
    assert "3 pairs, interval 0.8 to 1.2; medians 4.5 s and 5 s; ours sooner in 2" in out.getvalue()


def test_pairs_of_earlier_runs_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "results" / "pairs.json"
    assert load(file) == {}

    save(file, {"n10_kill_to_dead": [(1.0, 2.0)]})

    assert load(file) == {"n10_kill_to_dead": [(1.0, 2.0)]}
