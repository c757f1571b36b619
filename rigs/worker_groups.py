"""How pytest-xdist divides the tests over its workers: in groups, the long ones first.

A group runs in order on one worker.  It is a file, so that fixtures of a module are set up once.
Files that share something name a larger group:

    pytestmark = pytest.mark.xdist_group("docker engine")

The scheduler of pytest-xdist only gets the ids of tests, so the mark is read from the file's text
and holds for the whole file.  (`--dist loadgroup` would append it to the ids; that has no effect
with pytest 9.2.)
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent.parent
MARK = re.compile(r'\bxdist_group\("([^"]+)"\)')
DOCKER = "docker engine"  # of files that use the fixture `docker_engine`


class GroupScheduling(LoadScopeScheduling):
    """Give each worker the next group, in the order of the collection."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(node_id: str) -> str:
    """Return the group of a test, e.g. of 'tests/x.py::test_y[seed=17]'."""
    return _group_of_file(node_id.partition("::")[0])


@cache
def _group_of_file(file: str) -> str:
    named = MARK.search((ROOT / file).read_text())
    return named[1] if named else file


def put_long_groups_first(items: list[pytest.Item]) -> None:
    """Order the groups so that no worker begins a long one at the end of the run.

    Those with integration tests are first, which mostly wait; those with slow tests are next.
    """
    weights: dict[str, int] = defaultdict(int)
    for item in items:
        group = group_of(item.nodeid)
        weights[group] = max(weights[group], _weight(item))
    items.sort(key=lambda item: (-weights[group_of(item.nodeid)], group_of(item.nodeid)))


def _weight(item: pytest.Item) -> int:
    if item.get_closest_marker("integration"):
        return 2
    return 1 if item.get_closest_marker("slow") else 0


def check_group(item: pytest.Item, group: str) -> None:
    """Fail if the test's file does not name the group."""
    file = item.nodeid.partition("::")[0]
    assert group_of(file) == group, (
        f'{file}: add `pytest.mark.xdist_group("{group}")` to its `pytestmark`, because it may run '
        "beside other files of that group"
    )
