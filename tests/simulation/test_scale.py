"""The cost of an idle node is constant, and detection time is logarithmic in the size."""

from __future__ import annotations

from math import log10

import pytest

from constellation.gossip import suspicion
from constellation.gossip.policy import SwimPolicy
from constellation.gossip.sameness import Sameness
from tests.simulation.scale import Scale, measure

SIZES = (10, 30, 100)
FLAT = 1.15  # times the cost in the smallest cluster, at most
UPDATE_S_MAX = 0.5
# The part that is not suspicion: the first failed probe, and the broadcast of the death.
PROBE_S_MAX = 3.5


def complaints(scales: list[Scale]) -> list[str]:
    """Return which of these figures are not acceptable in a large cluster."""
    found = []
    smallest = scales[0]
    for scale in scales:
        size = f"{scale.members} members"
        for what, now, then in (
            ("packets", scale.idle_packets_per_s, smallest.idle_packets_per_s),
            ("bytes", scale.idle_bytes_per_s, smallest.idle_bytes_per_s),
        ):
            if now.mean > FLAT * then.mean:
                found.append(f"{what} of {size}: {now.mean:.0f}/s, not {then.mean:.0f}/s")
        if scale.update_to_all_s > UPDATE_S_MAX:
            found.append(f"update of {size}: {scale.update_to_all_s:.2f} s")
        suspicion_s = SwimPolicy().suspicion_multiplier * max(1.0, log10(scale.members))
        if scale.kill_to_dead_everywhere_s > suspicion_s + PROBE_S_MAX:
            found.append(f"death in {size}: {scale.kill_to_dead_everywhere_s:.1f} s")
    return found


def test_cost_is_constant_and_detection_time_logarithmic_in_the_cluster_size() -> None:
    assert complaints([measure(members, seed=1) for members in SIZES]) == []


def test_planted_fault_of_push_pulls_that_are_never_skipped_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Sameness, "ask_first", lambda self, to, now_s: [])

    assert "bytes" in " ".join(complaints([measure(members, seed=1) for members in SIZES]))


def test_planted_fault_of_a_suspicion_that_grows_with_the_members_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(suspicion, "log10", lambda members: members / 10)

    assert "death" in " ".join(complaints([measure(members, seed=1) for members in SIZES[:2]]))
