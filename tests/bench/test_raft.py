"""The Raft benchmark runs one cluster at a time, and compares medians."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bench import raft
from bench.figures import Figures
from bench.raft import MANY, OURS, ROUNDS, Reached, medians, report, rounds
from bench.raft_peers import pysyncobj
from bench.raft_peers.cluster import Cluster, Sample, sample_of
from bench.raft_peers.disk import file_system, sync_ms
from bench.raft_peers.pysyncobj import PySyncObj

MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:20 / /tmp rw - tmpfs tmpfs rw
23 21 0:21 / /srv/a rw - ext4 /dev/vdb rw
24 23 0:22 / /srv/a rw - overlay overlay rw
"""


class Recorded:
    """A cluster that records its calls."""

    def __init__(self, name: str, told: list[str], *, fails: bool = False) -> None:
        self.name = name
        self._told = told
        self._fails = fails

    def missing(self) -> str:
        return ""

    def describe(self) -> str:
        return "recorded"

    def start(self) -> None:
        self._told.append(f"{self.name} starts")

    def measure(self, in_flight: int, seconds: float) -> Sample:
        assert seconds > 0
        if self._fails:
            raise SystemExit("a write failed")
        return Sample(2.0, tuple([0.001] * in_flight))

    def stop(self) -> None:
        self._told.append(f"{self.name} stops")


def reported(tmp_path: Path, reached: dict[tuple[str, int], Reached]) -> list[str]:
    out = io.StringIO()
    with Figures("raft", directory=tmp_path, out=out) as figures:
        report(figures, reached)
    return out.getvalue().splitlines()


def test_clusters_run_one_at_a_time_and_take_turns_in_being_first() -> None:
    told: list[str] = []
    clusters: list[Cluster] = [Recorded("a", told), Recorded("b", told)]

    samples = rounds(clusters)

    assert [line[0] for line in told] == [
        "a",
        "a",
        "b",
        "b",
        "b",
        "b",
        "a",
        "a",
        "a",
        "a",
        "b",
        "b",
    ]
    assert [line.split()[1] for line in told] == ["starts", "stops"] * 2 * ROUNDS
    assert len(samples["a", MANY]) == ROUNDS


def test_a_cluster_that_fails_is_stopped() -> None:
    told: list[str] = []

    with pytest.raises(SystemExit, match="a write failed"):
        rounds([Recorded("a", told, fails=True)])

    assert told == ["a starts", "a stops"]


def test_sample_counts_commits_and_times_them() -> None:
    sample = sample_of([2.0, 0.003, 0.001, 0.002, 0.010])

    assert sample.rate_per_s == 2.0
    assert (sample.latency_ms(0.5), sample.latency_ms(0.99)) == (2.0, 10.0)


@pytest.mark.parametrize("answer", [[5.0], [0.0, 0.001]])
def test_a_sample_without_commits_is_refused(answer: list[float]) -> None:
    with pytest.raises(ValueError, match="nothing"):
        sample_of(answer)


def test_each_number_is_its_median_over_the_rounds() -> None:
    samples = [Sample(1.0, (0.001,)), Sample(1.0, (0.002,) * 3), Sample(1.0, (0.009,) * 2)]

    assert medians({("etcd", 1): samples}) == {("etcd", 1): Reached(2.0, 2.0, 2.0)}


def test_goals_are_the_values_of_the_peers_times_the_factors(tmp_path: Path) -> None:
    reached = {
        ("etcd", 1): Reached(1000.0, 1.0, 2.0),
        ("etcd", 64): Reached(6000.0, 9.0, 20.0),
        ("pysyncobj", 1): Reached(1100.0, 0.9, 2.0),
        ("pysyncobj", 64): Reached(8000.0, 7.0, 20.0),
        (OURS, 1): Reached(600.0, 1.2, 3.0),
        (OURS, 64): Reached(2900.0, 20.0, 40.0),
    }

    figures = [line for line in reported(tmp_path, reached) if line.startswith("raft.")]

    assert figures == [
        "raft.in_flight_1_p50_beside_etcd 1.2 ms peer=etcd peer_value=1 ratio=1.2 goal=1.3 ok",
        (
            "raft.in_flight_64_rate_beside_etcd 2900 commits/s"
            " peer=etcd peer_value=6000 ratio=0.4833 goal=6000 short"
        ),
        (
            "raft.in_flight_1_p50_beside_pysyncobj 1.2 ms"
            " peer=pysyncobj peer_value=0.9 ratio=1.333 goal=0.9 short"
        ),
        (
            "raft.in_flight_64_rate_beside_pysyncobj 2900 commits/s"
            " peer=pysyncobj peer_value=8000 ratio=0.3625 goal=8000 short"
        ),
    ]


def test_without_our_cluster_there_is_a_table_with_ratios_to_etcd(tmp_path: Path) -> None:
    reached = {
        ("etcd", 1): Reached(1000.0, 1.0, 2.0),
        ("pysyncobj", 1): Reached(500.0, 3.0, 6.0),
    }

    assert [line.split() for line in reported(tmp_path, reached)[1:]] == [
        ["etcd", "1000", "1", "2", "1", "1"],
        ["pysyncobj", "500", "3", "6", "0.5", "3"],
    ]


def test_without_etcd_there_are_no_ratios(tmp_path: Path) -> None:
    lines = reported(tmp_path, {("pysyncobj", 1): Reached(500.0, 3.0, 6.0)})

    assert lines[0].split() == ["1", "in", "flight", "commits/s", "p50", "ms", "p99", "ms"]
    assert lines[1].split() == ["pysyncobj", "500", "3", "6"]


def test_a_peer_that_is_not_installed_is_reported_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pysyncobj, "LIBRARY", tmp_path)
    out = io.StringIO()

    with Figures("raft", directory=tmp_path, out=out) as figures:
        assert raft.present(figures, [PySyncObj(tmp_path, "pysyncobj")]) == []

    assert "pysyncobj is absent: not installed: run `make components`" in out.getvalue()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/build", "ext4"), ("/tmp/x/y", "tmpfs"), ("/tmpx", "ext4"), ("/srv/a/b", "overlay")],
)
def test_the_file_system_is_that_of_the_innermost_mount(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("append", [False, True])
def test_the_file_system_of_this_disk_is_known_and_its_sync_is_timed(
    tmp_path: Path, append: bool
) -> None:
    assert file_system(tmp_path) != "unknown"
    assert sync_ms(tmp_path, append=append) > 0
