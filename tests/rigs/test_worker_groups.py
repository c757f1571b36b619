"""Tests that share something run on one worker, and long groups begin first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rigs import worker_groups
from rigs.worker_groups import check_group, group_of, put_long_groups_first

ROOT = Path(__file__).parent.parent.parent
FILES = {
    "a.py": "",
    "b.py": "",
    "c.py": "",
    "d.py": "",
    "one.py": 'pytestmark = pytest.mark.xdist_group("shared")\n',
    "other.py": 'pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("shared")]\n',
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(worker_groups, "ROOT", tmp_path)
    monkeypatch.setattr(worker_groups, "_group_of_file", worker_groups._group_of_file.__wrapped__)


class Item:
    """What of a test decides about its group."""

    def __init__(self, node_id: str, *marks: str) -> None:
        self.nodeid = node_id
        self._marks = marks

    def get_closest_marker(self, name: str) -> object:
        return name if name in self._marks else None


def test_the_tests_of_a_file_are_a_group() -> None:
    assert group_of("a.py::x") == group_of("a.py::y[seed=1]") == "a.py"


def test_files_that_name_a_group_are_one_group() -> None:
    assert group_of("one.py::x") == group_of("other.py::y") == "shared"


def test_a_test_that_needs_a_group_its_file_does_not_name_is_told_so() -> None:
    check_group(Item("one.py::x"), "shared")  # type: ignore[arg-type]  # has what is asked of it
    with pytest.raises(AssertionError, match=r'a\.py: add `pytest\.mark\.xdist_group\("shared"\)`'):
        check_group(Item("a.py::x"), "shared")  # type: ignore[arg-type]


def test_groups_with_integration_and_slow_tests_begin_first_and_stay_together() -> None:
    items: list[pytest.Item] = [
        Item(node_id, *marks)  # type: ignore[misc]  # has what is asked of it
        for node_id, *marks in (
            ("a.py::quick",),
            ("b.py::quick",),
            ("b.py::slow", "slow"),
            ("c.py::quick",),
            ("one.py::quick",),
            ("d.py::real", "integration", "slow"),
            ("c.py::real", "integration"),
            ("other.py::real", "integration"),
        )
    ]

    put_long_groups_first(items)

    assert [item.nodeid for item in items] == [
        "c.py::quick",
        "c.py::real",
        "d.py::real",
        "one.py::quick",
        "other.py::real",
        "b.py::quick",
        "b.py::slow",
        "a.py::quick",
    ]


def test_a_run_on_workers_keeps_each_file_on_one_of_them() -> None:
    names = ("tests/test_log.py", "tests/test_needs.py")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n2", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    passed = re.findall(r"^\[(gw\d)\] .* PASSED ([\w./]+)::", done.stdout, flags=re.MULTILINE)
    assert {file for _, file in passed} == set(names), done.stdout + done.stderr
    assert len(set(passed)) == len(names)
    assert len(passed) > len(names)
