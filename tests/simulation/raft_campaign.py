"""Raft and leases under random faults, for many seeds on all cores; see `make sim`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.simulation.raft_chaos import disturbed, settles

BATCH = 25  # seeds per unit of work, and so per line of progress
SHOWN_MAX = 20  # violations that are printed
PLAIN_INTERVAL_S = 10.0

# What must have happened, or the faults and the load were not real.
WANTED = (
    "acts",
    "successions",
    "unwanted",
    "let go",
    "overdue",
    "confirmed",
    "proofs",
    "reads",
    "writes",
    "elections",
    "transfers",
    "crashes",
    "crashes before the write",
    "cuts",
    "snapshots",
    "installs",
    "changes",
    "promotions",
)


@dataclass
class Outcome:
    """The result of some seeds."""

    seeds: int = 0
    violations: dict[int, str] = field(default_factory=dict)  # by seed
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Outcome) -> None:
        self.seeds += other.seeds
        self.violations |= other.violations
        self.counts += other.counts

    @property
    def missing(self) -> list[str]:
        """What should have happened and has not."""
        return [name for name in WANTED if not self.counts[name]]


def run_seeds(seeds: Iterable[int]) -> Outcome:
    """Run each seed to its end, or to its first violation."""
    outcome = Outcome()
    for seed in seeds:
        outcome.seeds += 1
        try:
            net = disturbed(seed)
            settles(net)
        except Exception as error:
            what, _, _ = str(error).partition("\n")  # what pytest adds is not needed
            outcome.violations[seed] = f"{type(error).__name__}: {what}"
        else:
            outcome.counts += net.checks.counts
    return outcome


def run_on_all_cores(
    seeds: range, *, processes: int = 0, progress: Callable[[Outcome], None] = lambda _: None
) -> Outcome:
    """Run seeds in processes, as many as there are cores."""
    total = Outcome()
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    workers = min(processes or os.cpu_count() or 1, max(1, len(batches)))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            for done in as_completed([pool.submit(run_seeds, batch) for batch in batches]):
                total.add(done.result())
                progress(total)
        except BaseException:  # also Ctrl-C: do not start the rest
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return total


class _Progress:
    """One line that is rewritten; without a terminal, a line every few seconds."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._began_s = self._said_s = time.monotonic()

    def __call__(self, so_far: Outcome) -> None:
        now_s = time.monotonic()
        text = f"sim: {so_far.seeds} of {self._seeds} seeds, {len(so_far.violations)} violations"
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{text}, {now_s - self._began_s:.0f} s ")
            sys.stdout.flush()
        elif now_s - self._said_s >= PLAIN_INTERVAL_S:
            self._said_s = now_s
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def end(self, outcome: Outcome) -> None:
        if sys.stdout.isatty():
            sys.stdout.write("\r")
        took_s = time.monotonic() - self._began_s
        counts = ", ".join(f"{outcome.counts[name]} {name}" for name in WANTED)
        sys.stdout.write(f"sim: {outcome.seeds} seeds in {took_s:.1f} s: {counts}\n")


def report(outcome: Outcome) -> str:
    """Return the violations, and how to reproduce them; "" if there are none."""
    lines = []
    for seed, why in sorted(outcome.violations.items())[:SHOWN_MAX]:
        lines += [
            f"seed {seed}: {why}",
            f"  again: make sim SEED={seed}",
            f"  or: pytest tests/simulation/test_raft.py -k any_faults --sim-seed {seed}",
        ]
    if lines:
        lines.append(f"{len(outcome.violations)} of {outcome.seeds} seeds violate an invariant")
    return "\n".join(lines)


def main() -> int:
    """Run, and return 1 if anything was violated."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.raft_campaign", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many, from --from on")
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--seed", type=int, help="this one only, in this process")
    parser.add_argument("--processes", type=int, default=0, help="0: as many as there are cores")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        settles(disturbed(chosen.seed))  # what it raises says where
        sys.stdout.write(f"sim: seed {chosen.seed}: no violation\n")
        return 0
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    progress = _Progress(len(seeds))
    outcome = run_on_all_cores(seeds, processes=chosen.processes, progress=progress)
    progress.end(outcome)
    if outcome.violations:
        sys.stdout.write(report(outcome) + "\n")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
