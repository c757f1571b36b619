"""Print the scenarios or the cases, each with the tests that prove it.

    python -m scripts.proof_table scenarios
    python -m scripts.proof_table cases

It collects the tests without running them.  A test that proves a scenario carries its number,
`@pytest.mark.scenario(24)`, and one that proves a case carries its name, `@pytest.mark.case("R1")`.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

DOCUMENTS = Path(__file__).parent.parent / "docs"
ROW = re.compile(r"^\| (\d+|[A-Z]\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TITLE_CHARACTERS_MAX = 60


@dataclass(frozen=True, slots=True)
class Claim:
    """One row of a document, and the name that tests carry."""

    name: str
    where: str
    title: str
    criterion: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One document of claims, and the marker of the tests that prove them."""

    marker: str
    document: str

    def read(self) -> list[Claim]:
        """Return the rows of the document in order."""
        return read_claims((DOCUMENTS / self.document).read_text())


LISTINGS = {
    "scenarios": Listing("scenario", "SCENARIOS.md"),
    "cases": Listing("case", "CASES.md"),
}


@dataclass(slots=True)
class Proofs:
    """A pytest plugin that records which tests carry which names."""

    marker: str
    tests: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    integration: set[str] = field(default_factory=set)  # those that run a real component

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Record each test once, however many parameters it has."""
        for item in items:
            for mark in item.iter_markers(self.marker):
                for name in mark.args:
                    self.tests[str(name)].add(item.nodeid.partition("[")[0])
            if item.get_closest_marker("integration"):
                self.integration.add(item.nodeid.partition("[")[0])


def read_claims(text: str) -> list[Claim]:
    """Return the rows of a document in order."""
    return [Claim(*row) for row in ROW.findall(text)]


def table(
    claims: Sequence[Claim], tests: Mapping[str, set[str]], integration: set[str]
) -> list[str]:
    """Return the table: a line for each claim, then one for each further test.

    A claim that requires only a real component, but is proven without one, is marked.
    """
    name_width = max(3, *(len(one.name) for one in claims))
    where_width = max(len(one.where) for one in claims)
    lines = []
    for one in claims:
        proofs = sorted(tests.get(one.name, ())) or ["not yet"]
        title = shortened(one.title)
        head = f"{one.name:>{name_width}}  {one.where:<{where_width}}  "
        head += f"{title:<{TITLE_CHARACTERS_MAX}}  "
        lines.append(head + proofs[0])
        lines += [" " * len(head) + proof for proof in proofs[1:]]
        if one.where.startswith("real") and tests.get(one.name) and not integration & set(proofs):
            lines.append(" " * len(head) + "so far without the real component")
    proven = sum(1 for one in claims if tests.get(one.name))
    return [*lines, f"{proven} of {len(claims)} have at least one test"]


def unknown_names(
    listing: Listing, claims: Sequence[Claim], tests: Mapping[str, set[str]]
) -> list[str]:
    """Return a complaint for each name that tests carry but the document does not list."""
    known = {one.name for one in claims}
    return [
        f"{listing.marker}({name}) of {', '.join(sorted(found))} is not in docs/{listing.document}"
        for name, found in sorted(tests.items())
        if name not in known
    ]


def shortened(title: str) -> str:
    """Return a title, cut to the width of its column."""
    if len(title) <= TITLE_CHARACTERS_MAX:
        return title
    return title[: TITLE_CHARACTERS_MAX - 3].rsplit(" ", 1)[0] + " ..."


def main(arguments: Sequence[str]) -> int:
    """Print a table; return 1 for a failed collection or an unknown name, 2 for misuse."""
    if len(arguments) != 1 or arguments[0] not in LISTINGS:
        sys.stderr.write(f"give one of: {', '.join(LISTINGS)}\n")
        return 2
    listing = LISTINGS[arguments[0]]
    proofs, said = Proofs(listing.marker), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "--quiet"], plugins=[proofs])
    if code != 0:
        sys.stderr.write(f"{said.getvalue()}{arguments[0]}: the tests cannot be collected\n")
        return 1
    claims = listing.read()
    sys.stdout.write("\n".join(table(claims, proofs.tests, proofs.integration)) + "\n")
    complaints = unknown_names(listing, claims, proofs.tests)
    sys.stderr.write("".join(f"{complaint}\n" for complaint in complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
