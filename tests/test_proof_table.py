"""The documents of claims are complete, and the table shows the tests that prove each claim."""

from __future__ import annotations

import pytest

from scripts.proof_table import (
    LISTINGS,
    TITLE_CHARACTERS_MAX,
    Claim,
    main,
    shortened,
    table,
    unknown_names,
)

CLAIMS = [
    Claim("1", "sim, lab", "The leader is killed", "a successor"),
    Claim("2", "real (Serf)", "We join", "seen alive"),
]
CASES = {"R": 18, "D": 7, "C": 7, "N": 4, "O": 17, "S": 13}


@pytest.mark.parametrize(
    ("listing", "names"),
    [
        ("scenarios", [str(number) for number in range(1, 47)]),
        (
            "cases",
            [f"{kind}{n}" for kind, count in CASES.items() for n in range(1, count + 1)] + ["N7"],
        ),
    ],
)
def test_a_document_lists_each_name_once_and_in_order(listing: str, names: list[str]) -> None:
    claims = LISTINGS[listing].read()

    assert [one.name for one in claims] == names
    places = {place.split(" (")[0] for one in claims for place in one.where.split(", ")}
    assert places <= {"core", "sim", "lab", "real", "Traefik)", "Redis)", "Headscale)"}


@pytest.mark.parametrize("listing", LISTINGS)
def test_every_name_that_a_test_carries_is_in_its_document(
    listing: str, request: pytest.FixtureRequest
) -> None:
    known = {one.name for one in LISTINGS[listing].read()}
    carried = {
        (str(name), item.nodeid)
        for item in request.session.items
        for mark in item.iter_markers(LISTINGS[listing].marker)
        for name in mark.args
    }

    assert [one for one in sorted(carried) if one[0] not in known] == []


def test_the_table_lists_all_tests_and_unproven_claims() -> None:
    lines = table(CLAIMS, {"1": {"tests/b.py::b", "tests/a.py::a"}}, set())

    assert lines[0].endswith("tests/a.py::a")
    assert lines[1].split() == ["tests/b.py::b"]
    assert lines[1].index("tests/b.py") == lines[0].index("tests/a.py")
    assert lines[2].split() == ["2", "real", "(Serf)", "We", "join", "not", "yet"]
    assert lines[3] == "1 of 2 have at least one test"


@pytest.mark.parametrize(("integration", "line_count"), [(set(), 4), ({"tests/x.py::x"}, 3)])
def test_the_table_marks_claims_without_a_test_on_the_real_component(
    integration: set[str], line_count: int
) -> None:
    lines = table(CLAIMS, {"2": {"tests/x.py::x"}}, integration)

    assert len(lines) == line_count
    assert ("so far without" in "".join(lines)) is not bool(integration)


def test_an_unknown_name_is_reported_with_its_test() -> None:
    tests = {"1": {"a"}, "99": {"tests/x.py::x"}}

    assert unknown_names(LISTINGS["scenarios"], CLAIMS, tests) == [
        "scenario(99) of tests/x.py::x is not in docs/SCENARIOS.md"
    ]


def test_an_unknown_listing_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["stories"]) == 2
    assert capsys.readouterr().err == "give one of: scenarios, cases\n"


def test_a_long_title_is_cut_between_words() -> None:
    title = "word " * 30

    assert len(shortened(title)) <= TITLE_CHARACTERS_MAX
    assert shortened(title).endswith("word ...")
