"""Many seeds, each of them the same run in every process; `make sim` runs more of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation import raft_campaign
from tests.simulation.raft_campaign import BATCH, report, run_on_all_cores, run_seeds
from tests.simulation.raft_chaos import disturbed
from tests.simulation.raft_network import RaftNetwork

# The first ten are those of `test_any_faults_are_survived`.
SEEDS = range(10, 110)


@pytest.mark.slow
@pytest.mark.scenario(5)
def test_no_seed_violates_an_invariant_and_the_load_is_real() -> None:
    outcome = run_seeds(SEEDS)

    assert report(outcome) == ""
    assert outcome.seeds == len(SEEDS)
    assert outcome.missing == []


def test_seeds_are_divided_over_processes_and_added_up() -> None:
    reports: list[int] = []

    outcome = run_on_all_cores(
        range(BATCH + 1), processes=2, progress=lambda so_far: reports.append(so_far.seeds)
    )

    assert (outcome.seeds, outcome.violations) == (BATCH + 1, {})
    assert reports[-1] == BATCH + 1
    assert reports[0] in {1, BATCH}


def test_violation_is_reported_with_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_at_8(net: RaftNetwork) -> None:
        assert net.seed != 8, "two leaders in term 3"

    monkeypatch.setattr(raft_campaign, "settles", fails_at_8)

    outcome = run_seeds(range(7, 10))

    assert outcome.violations == {8: "AssertionError: two leaders in term 3"}
    assert "make sim SEED=8" in report(outcome)
    assert "--sim-seed 8" in report(outcome)
    assert "1 of 3 seeds" in report(outcome)


def test_seed_is_the_same_run_in_every_process() -> None:
    code = "from tests.simulation.raft_chaos import disturbed; print(disturbed(5).digest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in (1, 2)
    }

    assert digests == {disturbed(5).digest()}
    assert disturbed(6).digest() not in digests
