"""How soon a member that ends is dead to all others, in many pairs with memberlist.

    python -m bench.gossip --long               # 30 pairs for each figure
    python -m bench.gossip --long --kills 10    # at most 10 more of each; the figures are of all

In each pair a member of ours and one of memberlist end at the same moment, each in its own cluster
of the same size.  A member is killed, so that its host refuses connections, or it vanishes, so that
nothing answers.  All four clusters run at the same time, and begin anew after a few deaths.

The figure is the median of the ratios of the pairs, ours divided by memberlist's, with the interval
that the sign test leaves: it contains the true median with at least 95 % confidence, and assumes
nothing about how the times are distributed.  The pairs of earlier runs are kept in
bench/results/gossip_pairs.json; remove that file to begin anew.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from math import comb
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.figures import RESULTS_DIRECTORY, Figures, shown
from bench.gossip_programs import OURS, PEER, at_once, pause, peer_missing, programs

PAIRS_MIN = 30
DEATHS_A_CLUSTER = 5
SETTLE_S = 5.0  # the news of the joins are spread
PAUSE_S = (1.0, 2.0)
CONFIDENCE = 0.95
RATIO_GOAL = 1.0
PAIRS_FILE = RESULTS_DIRECTORY / "gossip_pairs.json"

Pair = tuple[float, float]  # the seconds of ours and of memberlist


class Deaths(NamedTuple):
    """One figure: the size of the cluster, and how members end in it."""

    members: int
    how: str

    @property
    def name(self) -> str:
        """The name of the figure, without its unit."""
        return f"n{self.members}_{self.how}_to_dead"


ALL = tuple(Deaths(members, how) for members in (10, 50) for how in ("kill", "vanish"))


def measure_pairs(more: int) -> None:
    """Measure up to `more` pairs of each figure, until there are `PAIRS_MIN`; print all."""
    reason = peer_missing()
    if reason:
        raise SystemExit(f"pairs need {PEER}: {reason}")
    pairs = load(PAIRS_FILE)
    missing = {one: min(more, PAIRS_MIN - len(pairs.get(one.name, []))) for one in ALL}
    with ThreadPoolExecutor(len(ALL)) as lanes:
        found = {
            one: lanes.submit(deaths, one, count, lane)
            for lane, (one, count) in enumerate(missing.items())
        }
        for one, future in found.items():
            pairs.setdefault(one.name, []).extend(future.result())
    save(PAIRS_FILE, pairs)
    with Figures("gossip_long") as figures:
        for one in ALL:
            report(figures, one.name, pairs[one.name])


def deaths(of: Deaths, count: int, lane: int) -> list[Pair]:
    """Return so many pairs, in as many clusters as that takes."""
    found: list[Pair] = []
    while len(found) < count:
        with programs(of.members, peer=True, lane=lane) as running:
            for program in running:
                program.ask("start")
            time.sleep(SETTLE_S)
            for trial in range(min(DEATHS_A_CLUSTER, count - len(found))):
                pause(PAUSE_S)
                took_s = at_once(running, f"{of.how} {of.members - 1 - trial}")
                found.append((took_s[OURS][0], took_s[PEER][0]))
    return found


def report(figures: Figures, name: str, pairs: list[Pair]) -> None:
    """Print the median of the ratios, and how far it can be trusted."""
    if not pairs:
        return
    ratios = [ours / peer for ours, peer in pairs]
    low, high = interval_of_median(ratios)
    ours_s, peer_s = (median(column) for column in zip(*pairs, strict=True))
    figures.add(f"{name}_ratio", median(ratios), "x", goal=RATIO_GOAL)
    figures.note(
        f"{name}: {len(pairs)} pairs, interval {shown(low)} to {shown(high)}; medians "
        f"{shown(ours_s)} s and {shown(peer_s)} s; ours sooner in "
        f"{sum(ratio < 1 for ratio in ratios)}"
    )


def interval_of_median(values: list[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return an interval that contains the median of the population with that confidence.

    The count of values below the true median is binomial, so the interval ends at the outermost
    ranks that a sign test does not reject.  With fewer than six values it is all of them, whose
    confidence is lower.
    """
    ordered, count = sorted(values), len(values)
    rank, outside = 0, 2 * 0.5**count
    while rank < (count - 1) // 2:
        outside += 2 * comb(count, rank + 1) * 0.5**count
        if outside > 1 - confidence:
            break
        rank += 1
    return ordered[rank], ordered[count - 1 - rank]


def load(file: Path) -> dict[str, list[Pair]]:
    """Return the pairs of earlier runs; none if there is no file."""
    if not file.exists():
        return {}
    rows = json.loads(file.read_text())
    return {name: [(ours, peer) for ours, peer in pairs] for name, pairs in rows.items()}


def save(file: Path, pairs: dict[str, list[Pair]]) -> None:
    """Keep the pairs for the next run."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(pairs, indent=1) + "\n")
