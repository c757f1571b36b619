"""A program can parse every line of a benchmark, and the results file has the same content."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from bench.figures import Figure, Figures, Peer, machine, percentile, shown

LINE = re.compile(
    r"[a-z0-9_]+\.[a-z0-9_]+ -?[0-9.]+ \S+"
    r"( peer=\S+ peer_value=-?[0-9.]+ ratio=(-?[0-9.]+|nan))? goal=-?[0-9.]+ (ok|short)"
)


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        pytest.param(
            Figure("p50", 0.41, "ms", 0.75, "lower"),
            "actors.p50 0.41 ms goal=0.75 ok",
            id="no peer",
        ),
        pytest.param(
            Figure("rate", 4000.0, "messages/s", 5000.0, "higher", Peer("thespian", 1600.0)),
            "actors.rate 4000 messages/s peer=thespian peer_value=1600 ratio=2.5 goal=5000 short",
            id="a peer, and short of the goal",
        ),
        pytest.param(
            Figure("lost", 0.0, "frames", 0.0, "lower", Peer("thespian", 0.0)),
            "actors.lost 0 frames peer=thespian peer_value=0 ratio=nan goal=0 ok",
            id="a peer that measured zero",
        ),
    ],
)
def test_a_figure_is_printed_as_one_line(figure: Figure, line: str) -> None:
    assert figure.line("actors") == line
    assert LINE.fullmatch(line)


def test_figures_are_printed_at_once_and_written_at_the_end(tmp_path: Path) -> None:
    out = io.StringIO()
    with Figures("node", directory=tmp_path, out=out) as figures:
        figures.add("memory", 61.25, "MiB", goal=80, peer=Peer("none", 30.0))
        assert out.getvalue().startswith("node.memory 61.25 MiB")
        figures.absent("etcd", "not installed")

    written = json.loads((tmp_path / "node.json").read_text())
    assert out.getvalue().splitlines()[1] == "node: peer etcd is absent: not installed"
    assert written["figures"][0]["meets_goal"] is True
    assert written["figures"][0]["peer"]["ratio"] == pytest.approx(61.25 / 30)
    assert written["absent_peers"] == {"etcd": "not installed"}
    assert written["complete"] is True
    assert written["machine"] == machine()


def test_notes_and_tables_are_printed_and_written(tmp_path: Path) -> None:
    out = io.StringIO()
    with Figures("raft", directory=tmp_path, out=out) as figures:
        figures.note("data is on ext4")
        figures.table(["name", "commits/s"], [["etcd", 1234.56], ["pysyncobj", 0.5]])

    written = json.loads((tmp_path / "raft.json").read_text())
    assert out.getvalue().splitlines() == [
        "raft: data is on ext4",
        "name       commits/s",
        "etcd       1235",
        "pysyncobj  0.5",
    ]
    assert written["notes"] == ["data is on ext4"]
    assert written["tables"] == [
        {"columns": ["name", "commits/s"], "rows": [["etcd", 1234.56], ["pysyncobj", 0.5]]}
    ]


def test_a_missed_goal_is_reported_and_not_raised(tmp_path: Path) -> None:
    out = io.StringIO()
    with Figures("node", directory=tmp_path, out=out) as figures:
        figures.add("rate", 1, "1/s", goal=2, better="higher")

    assert out.getvalue() == "node.rate 1 1/s goal=2 short\n"


def test_figures_measured_before_an_error_are_written(tmp_path: Path) -> None:
    def measure() -> None:
        with Figures("node", directory=tmp_path, out=io.StringIO()) as figures:
            figures.add("rate", 1, "1/s", goal=2)
            raise RuntimeError("the agent is gone")

    with pytest.raises(RuntimeError, match="gone"):
        measure()

    written = json.loads((tmp_path / "node.json").read_text())
    assert (len(written["figures"]), written["complete"]) == (1, False)


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [("Two Words", 1.0, "ms"), ("p50", 1.0, ""), ("p50", 1.0, "a b"), ("p50", float("nan"), "ms")],
)
def test_a_figure_that_cannot_be_parsed_is_refused(
    tmp_path: Path, name: str, value: float, unit: str
) -> None:
    figures = Figures("node", directory=tmp_path, out=io.StringIO())

    with pytest.raises(ValueError, match=r"valid name|valid unit|finite number"):
        figures.add(name, value, unit, goal=1)


def test_a_second_figure_of_one_name_is_refused(tmp_path: Path) -> None:
    figures = Figures("node", directory=tmp_path, out=io.StringIO())
    figures.add("p50", 1, "ms", goal=1)

    with pytest.raises(ValueError, match="twice"):
        figures.add("p50", 2, "ms", goal=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.000123456, "0.0001235"),
        (0.5, "0.5"),
        (12.3456, "12.35"),
        (-3.0, "-3"),
        (1234.56, "1235"),
        (12_345_678.0, "12345678"),
    ],
)
def test_numbers_are_printed_without_exponents(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]

    assert [percentile(values, share) for share in (0.01, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="of 0 values"):
        percentile([], 0.5)
