"""Print the scenarios of docs/SCENARIOS.md, each with the tests that prove it.

    python -m scripts.scenarios_table

It collects the tests without running them.  A test that proves a scenario carries its number:
`@pytest.mark.scenario(24)`.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parent.parent / "docs" / "SCENARIOS.md"
ROW = re.compile(r"\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
TITLE_CHARACTERS_MAX = 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the document."""

    number: int
    where: str
    title: str
    criterion: str


class Collector:
    """A pytest plugin that records which tests carry which numbers."""

    def __init__(self) -> None:
        self.tests: dict[int, set[str]] = defaultdict(set)
        self.integration: set[str] = set()  # those that run a real component or network

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Record each test once, however many parameters it has."""
        for item in items:
            for mark in item.iter_markers("scenario"):
                for number in mark.args:
                    self.tests[number].add(item.nodeid.partition("[")[0])
            if item.get_closest_marker("integration"):
                self.integration.add(item.nodeid.partition("[")[0])


def read_scenarios(text: str) -> list[Scenario]:
    """Return the rows of the document in order."""
    return [
        Scenario(int(number), where, title, criterion)
        for number, where, title, criterion in ROW.findall(text)
    ]


def table(
    scenarios: list[Scenario], tests: dict[int, set[str]], integration: set[str]
) -> list[str]:
    """Return the table: a line for each scenario, then one for each further test.

    A scenario that requires a real component, but is proven only without one, is marked.
    """
    where_width = max(len(one.where) for one in scenarios)
    lines = []
    for one in scenarios:
        proofs = sorted(tests.get(one.number, ())) or ["not yet"]
        title = shortened(one.title)
        head = f"{one.number:>3}  {one.where:<{where_width}}  {title:<{TITLE_CHARACTERS_MAX}}  "
        lines.append(head + proofs[0])
        lines += [" " * len(head) + proof for proof in proofs[1:]]
        if one.where.startswith("real") and tests.get(one.number) and not integration & set(proofs):
            lines.append(" " * len(head) + "so far without the real component")
    proven = sum(1 for one in scenarios if tests.get(one.number))
    return [*lines, f"{proven} of {len(scenarios)} have at least one test"]


def unknown_numbers(scenarios: list[Scenario], tests: dict[int, set[str]]) -> list[str]:
    """Return a complaint for each number that tests carry but the document does not list."""
    known = {one.number for one in scenarios}
    return [
        f"scenario({number}) of {', '.join(sorted(names))} is not in docs/SCENARIOS.md"
        for number, names in sorted(tests.items())
        if number not in known
    ]


def shortened(title: str) -> str:
    """Return a title, cut to the width of its column."""
    if len(title) <= TITLE_CHARACTERS_MAX:
        return title
    return title[: TITLE_CHARACTERS_MAX - 3].rsplit(" ", 1)[0] + " ..."


def main() -> int:
    """Print the table; return 1 if collection fails or a test carries an unknown number."""
    collector, said = Collector(), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "--quiet"], plugins=[collector])
    if code != 0:
        sys.stderr.write(f"{said.getvalue()}scenarios: the tests cannot be collected\n")
        return 1
    scenarios = read_scenarios(DOCUMENT.read_text())
    sys.stdout.write("\n".join(table(scenarios, collector.tests, collector.integration)) + "\n")
    complaints = unknown_numbers(scenarios, collector.tests)
    sys.stderr.write("".join(f"{complaint}\n" for complaint in complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
