"""Tests that share something run on one worker, and long groups begin first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rigs.worker_groups import group, mark_groups, put_long_groups_first, without_group

ROOT = Path(__file__).parent.parent.parent


class Item:
    """What of a test decides about its group."""

    def __init__(self, node_id: str, *marks: str, fixtures: tuple[str, ...] = ()) -> None:
        self.nodeid = node_id
        self.fixturenames = fixtures
        self._marks = {name: getattr(pytest.mark, name).mark for name in marks}

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return self._marks.get(name)

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self._marks.setdefault(marker.name, marker.mark)


def marked(*items: Item) -> list[pytest.Item]:
    found: list[pytest.Item] = list(items)  # type: ignore[arg-type]  # has what is asked of it
    mark_groups(found)
    return found


def test_the_tests_of_a_file_are_a_group() -> None:
    first, second, other = marked(Item("a.py::x"), Item("a.py::y[a@b]"), Item("b.py::x"))

    assert group(first) == group(second) == "a.py"
    assert group(other) == "b.py"


def test_tests_that_share_the_docker_engine_are_a_group_over_files() -> None:
    fixtures = ("tmp_path", "private_engine")
    one, other, alone = marked(
        Item("a.py::x", fixtures=fixtures), Item("b.py::x", fixtures=fixtures), Item("b.py::y")
    )

    assert group(one) == group(other) != group(alone)


def test_a_group_that_a_test_names_itself_is_kept() -> None:
    item = Item("a.py::x")
    item.add_marker(pytest.mark.xdist_group("measures cost"))

    assert [group(one) for one in marked(item)] == ["measures cost"]


def test_groups_with_integration_and_slow_tests_begin_first_and_stay_together() -> None:
    items = marked(
        Item("a.py::quick"),
        Item("b.py::quick"),
        Item("b.py::slow", "slow"),
        Item("c.py::quick"),
        Item("d.py::real", "integration", "slow"),
        Item("c.py::real", "integration"),
    )

    put_long_groups_first(items)

    assert [item.nodeid for item in items] == [
        "c.py::quick",
        "c.py::real",
        "d.py::real",
        "b.py::quick",
        "b.py::slow",
        "a.py::quick",
    ]


@pytest.mark.parametrize(
    ("node_id", "shown"),
    [
        ("tests/x.py::y@tests/x.py", "tests/x.py::y"),
        ("tests/x.py::y[seed=17]@docker engine", "tests/x.py::y[seed=17]"),
        ("tests/x.py::y[a@b]@tests/x.py", "tests/x.py::y[a@b]"),
        ("tests/x.py::y[a@b]", "tests/x.py::y[a@b]"),
        ("tests/x.py::y", "tests/x.py::y"),
    ],
)
def test_reports_name_tests_without_their_group(node_id: str, shown: str) -> None:
    assert without_group(node_id) == shown


def test_a_run_on_workers_reports_ids_that_pytest_takes() -> None:
    one_test = "tests/rigs/test_worker_groups.py::test_the_tests_of_a_file_are_a_group"

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n1", "--dist=loadgroup", "-rA", one_test],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"PASSED {one_test}" in done.stdout.splitlines(), done.stdout + done.stderr
