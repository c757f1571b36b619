"""Hundreds of seeds, each of them the same run in every process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation import raft_campaign
from tests.simulation.raft_campaign import report, run_on_all_cores, run_seeds
from tests.simulation.raft_chaos import disturbed
from tests.simulation.raft_network import RaftNetwork

SEEDS = 500


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.scenario(5)
def test_no_seed_violates_an_invariant_and_the_load_is_real() -> None:
    outcome = run_on_all_cores(range(SEEDS))

    assert report(outcome) == ""
    assert outcome.seeds == SEEDS
    assert outcome.missing == []


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
