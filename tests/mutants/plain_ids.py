"""A plugin for pytest: skip tests whose id contains a backslash, which mutmut cannot pass on."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests with plain ids."""
    items[:] = [item for item in items if "\\" not in item.nodeid]
