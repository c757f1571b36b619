"""Commits of three members that sync their logs: ours beside etcd and PySyncObj.

Only one cluster runs at a time, with empty directories, on the same disk.  They take turns; the
figures are the medians of the rounds.  A client in a closed loop has 1 and then 64 writes open,
each of a key of 16 bytes and a value of 64; it is a process of its own, on the leader's machine.
`bench.raft_peers` says how each peer is measured, and what is in its favour.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Literal

from bench.figures import Figures, Peer
from bench.programs import BUILD_DIRECTORY
from bench.raft_peers.cluster import Cluster, Sample
from bench.raft_peers.constellation import Constellation
from bench.raft_peers.disk import file_system, sync_ms
from bench.raft_peers.etcd import Etcd
from bench.raft_peers.pysyncobj import PySyncObj

OURS = "constellation"
CLUSTERS = (  # each is made with the directory for its data
    Constellation,
    Etcd,
    partial(PySyncObj, name="pysyncobj"),
    partial(PySyncObj, name="pysyncobj_batched", batched=True),
    partial(PySyncObj, name="pysyncobj_inside", inside=True),
    partial(PySyncObj, name="pysyncobj_unsynced", synced=False),
)
ROUNDS = 3
ONE, MANY = 1, 64
WARM_UP_S = 1.0
MEASURE_S = 5.0
IN_MEMORY = {"tmpfs", "ramfs"}


@dataclass(frozen=True, slots=True)
class Reached:
    """What a cluster reached with so many in flight, over all rounds."""

    rate_per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Goal:
    """Ours is to be at `factor` of the peer's value, or better."""

    peer: str
    in_flight: int
    what: Literal["rate_per_s", "p50_ms"]
    factor: float

    @property
    def name(self) -> str:
        """The name of the figure."""
        kind = "rate" if self.what == "rate_per_s" else "p50"
        return f"in_flight_{self.in_flight}_{kind}_beside_{self.peer}"


GOALS = (
    Goal("etcd", ONE, "p50_ms", 1.3),
    Goal("etcd", MANY, "rate_per_s", 1.0),
    Goal("pysyncobj", ONE, "p50_ms", 1.0),
    Goal("pysyncobj", MANY, "rate_per_s", 1.0),
)

Samples = dict[tuple[str, int], list[Sample]]  # by cluster and requests in flight
AllReached = dict[tuple[str, int], Reached]


def main() -> None:
    """Measure, print, write."""
    # Without this, being told to end would leave the clusters behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    BUILD_DIRECTORY.mkdir(exist_ok=True)
    with (
        Figures("raft") as figures,
        tempfile.TemporaryDirectory(prefix="raft-", dir=BUILD_DIRECTORY) as directory,
    ):
        say_where(figures, Path(directory))
        clusters = present(figures, [make(Path(directory)) for make in CLUSTERS])
        report(figures, medians(rounds(clusters)))


def say_where(figures: Figures, directory: Path) -> None:
    """Say what the data is on, and how busy the machine is."""
    kind = file_system(directory)
    over, after = (sync_ms(directory, append=append) for append in (False, True))
    figures.note(
        f"data is on {kind}; fdatasync takes {over:.2f} ms after an overwrite,"
        f" {after:.2f} ms after an append"
    )
    if kind in IN_MEMORY:
        figures.note("this is not a disk: the figures do not include syncing")
    figures.note(f"load before: {os.getloadavg()[0]:.2f}; other work slows the figures")


def present(figures: Figures, clusters: list[Cluster]) -> list[Cluster]:
    """Return the clusters that can be measured here, and name the others."""
    found = []
    for cluster in clusters:
        if reason := cluster.missing():
            figures.absent(cluster.name, reason)
        else:
            figures.note(f"{cluster.name} is {cluster.describe()}")
            found.append(cluster)
    return found


def rounds(clusters: list[Cluster]) -> Samples:
    """Measure one after another, again and again, each round beginning with the next."""
    samples: Samples = {}
    for number in range(ROUNDS):
        first = number % max(1, len(clusters))
        for cluster in clusters[first:] + clusters[:first]:
            try:
                cluster.start()
                for in_flight in (ONE, MANY):
                    cluster.measure(in_flight, WARM_UP_S)
                    sample = cluster.measure(in_flight, MEASURE_S)
                    samples.setdefault((cluster.name, in_flight), []).append(sample)
            finally:
                cluster.stop()
    return samples


def medians(samples: Samples) -> AllReached:
    """Return the median of each number over the rounds."""
    return {
        key: Reached(
            median(sample.rate_per_s for sample in of_rounds),
            median(sample.latency_ms(0.5) for sample in of_rounds),
            median(sample.latency_ms(0.99) for sample in of_rounds),
        )
        for key, of_rounds in samples.items()
    }


def report(figures: Figures, reached: AllReached) -> None:
    """Print the table, and how far ours is from its goals."""
    for in_flight in (ONE, MANY):
        add_table(figures, in_flight, reached)
    for goal in GOALS:
        ours, peer = (reached.get((name, goal.in_flight)) for name in (OURS, goal.peer))
        if ours is None or peer is None:
            continue
        value, of_peer = getattr(ours, goal.what), getattr(peer, goal.what)
        is_rate = goal.what == "rate_per_s"
        figures.add(
            goal.name,
            value,
            "commits/s" if is_rate else "ms",
            goal=goal.factor * of_peer,
            better="higher" if is_rate else "lower",
            peer=Peer(goal.peer, of_peer),
        )


def add_table(figures: Figures, in_flight: int, reached: AllReached) -> None:
    """Print all clusters with so many in flight; the ratios are to etcd's values."""
    rows: list[list[str | float]] = []
    etcd = reached.get((Etcd.name, in_flight))
    for (name, count), values in sorted(reached.items()):
        if count != in_flight:
            continue
        row: list[str | float] = [name, values.rate_per_s, values.p50_ms, values.p99_ms]
        if etcd is not None:
            row += [values.rate_per_s / etcd.rate_per_s, values.p50_ms / etcd.p50_ms]
        rows.append(row)
    columns = [f"{in_flight} in flight", "commits/s", "p50 ms", "p99 ms"]
    if etcd is not None:
        columns += ["rate to etcd's", "p50 to etcd's"]
    if rows:
        figures.table(columns, rows)


if __name__ == "__main__":
    main()
