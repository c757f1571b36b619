"""How pytest-xdist divides the tests over its workers: in groups, the long ones first.

A group runs in order on one worker.  It is a file, so that fixtures of a module are set up once, or
all tests that share the Docker Engine of the run, or what `@pytest.mark.xdist_group` says.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

MARK = "xdist_group"
DOCKER_FIXTURE = "private_engine"
DOCKER_GROUP = "docker engine"


def mark_groups(items: list[pytest.Item]) -> None:
    """Mark each test with its group, unless it carries a mark already."""
    for item in items:
        if item.get_closest_marker(MARK) is None:
            item.add_marker(pytest.mark.xdist_group(_group_of(item)))


def _group_of(item: pytest.Item) -> str:
    if DOCKER_FIXTURE in getattr(item, "fixturenames", ()):
        return DOCKER_GROUP
    return item.nodeid.partition("::")[0]


def put_long_groups_first(items: list[pytest.Item]) -> None:
    """Order the groups so that no worker begins a long one at the end of the run.

    Those with integration tests are first, which mostly wait; those with slow tests are next.
    """
    weights: dict[str, int] = defaultdict(int)
    for item in items:
        weights[group(item)] = max(weights[group(item)], _weight(item))
    items.sort(key=lambda item: (-weights[group(item)], group(item)))


def _weight(item: pytest.Item) -> int:
    if item.get_closest_marker("integration"):
        return 2
    return 1 if item.get_closest_marker("slow") else 0


def group(item: pytest.Item) -> str:
    """Return the group that the test is marked with."""
    mark = item.get_closest_marker(MARK)
    assert mark is not None, f"{item.nodeid} was not marked"
    return str(mark.args[0])


def without_group(node_id: str) -> str:
    """Return a test's id as `pytest` takes it: workers append the group."""
    name, separator, _ = node_id.rpartition("@")
    return name if separator and node_id.rfind("@") > node_id.rfind("]") else node_id
