"""`@pytest.mark.needs("docker")`: a test is skipped, and counted, if a component is not available.

With `CI=true` the test fails instead, if CI requires the component.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import NoReturn

import pytest

from rigs.availability import CHECKS, REQUIRED_IN_CI, missing

MARK = "needs"
PREFIX = "component missing: "


def check_marks(items: list[pytest.Item]) -> None:
    """Refuse a mark that names an unknown component."""
    for item in items:
        for name in components_of(item):
            if name not in CHECKS:
                raise pytest.UsageError(
                    f"{item.nodeid}: needs({name!r}) names no component; "
                    f"known are {', '.join(sorted(CHECKS))} (rigs/availability.py)"
                )


def components_of(item: pytest.Item) -> list[str]:
    """Return the components that a test needs, each once."""
    named = (name for mark in item.iter_markers(MARK) for name in mark.args)
    return list(dict.fromkeys(named))


def check_components(item: pytest.Item) -> None:
    """Skip or fail a test if a component is missing."""
    for name in components_of(item):
        if reason := missing(name):
            give_up(name, reason)


def give_up(component: str, reason: str) -> NoReturn:
    """Skip the test because `component` is missing; fail it in CI if it is required there."""
    if in_ci() and component in REQUIRED_IN_CI:
        pytest.fail(f"{component} is required in CI: {reason}", pytrace=False)
    pytest.skip(f"{PREFIX}{component}: {reason}")


def in_ci() -> bool:
    """Return whether this run decides about a change."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def summary_lines(skipped: list[pytest.TestReport]) -> list[str]:
    """Return the lines at the end of a run about tests whose component is missing."""
    reasons: Counter[str] = Counter()
    for report in skipped:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        reason = text.removeprefix("Skipped: ")
        if reason.startswith(PREFIX):
            reasons[reason.removeprefix(PREFIX)] += 1
    total = f"{reasons.total()} tests skipped because a component is missing"
    return [total, *(f"  {count} x {reason}" for reason, count in sorted(reasons.items()))]
