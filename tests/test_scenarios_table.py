"""The list of scenarios is complete, and the table shows the tests that prove each."""

from __future__ import annotations

import pytest

from scripts.scenarios_table import (
    DOCUMENT,
    TITLE_CHARACTERS_MAX,
    Scenario,
    read_scenarios,
    shortened,
    table,
    unknown_numbers,
)

SCENARIOS = [
    Scenario(1, "sim, lab", "The leader is killed", "a successor"),
    Scenario(2, "real (Serf)", "We join", "seen alive"),
]


def test_the_document_lists_each_number_once_and_in_order() -> None:
    scenarios = read_scenarios(DOCUMENT.read_text())

    assert [one.number for one in scenarios] == list(range(1, 47))
    places = {place.split(" (")[0] for one in scenarios for place in one.where.split(", ")}
    assert places - {"Traefik)", "Redis)", "Headscale)"} == {"sim", "lab", "real"}


def test_every_scenario_number_of_a_test_is_in_the_document(
    request: pytest.FixtureRequest,
) -> None:
    carried = {
        (number, item.nodeid)
        for item in request.session.items
        for mark in item.iter_markers("scenario")
        for number in mark.args
    }

    assert [(number, name) for number, name in carried if number not in range(1, 47)] == []


def test_the_table_lists_all_tests_and_unproven_scenarios() -> None:
    lines = table(SCENARIOS, {1: {"tests/b.py::b", "tests/a.py::a"}}, set())

    assert lines[0].endswith("tests/a.py::a")
    assert lines[1].split() == ["tests/b.py::b"]
    assert lines[1].index("tests/b.py") == lines[0].index("tests/a.py")
    assert lines[2].split() == ["2", "real", "(Serf)", "We", "join", "not", "yet"]
    assert lines[3] == "1 of 2 have at least one test"


@pytest.mark.parametrize(("integration", "line_count"), [(set(), 4), ({"tests/x.py::x"}, 3)])
def test_the_table_marks_scenarios_without_a_test_on_the_real_component(
    integration: set[str], line_count: int
) -> None:
    lines = table(SCENARIOS, {2: {"tests/x.py::x"}}, integration)

    assert len(lines) == line_count
    assert ("so far without" in "".join(lines)) is not bool(integration)


def test_an_unknown_number_is_reported_with_its_test() -> None:
    assert unknown_numbers(SCENARIOS, {1: {"a"}, 99: {"tests/x.py::x"}}) == [
        "scenario(99) of tests/x.py::x is not in docs/SCENARIOS.md"
    ]


def test_a_long_title_is_cut_between_words() -> None:
    title = "word " * 30

    assert len(shortened(title)) <= TITLE_CHARACTERS_MAX
    assert shortened(title).endswith("word ...")
