"""Labels become a tree as in Traefik: names are compared without case, duplicates are ignored."""

from __future__ import annotations

import pytest

from constellation.traefik.label_tree import DEPTH_MAX, label_tree
from constellation.traefik.rejection import Complaint
from messages.monitor import Label


def leaves(**labels: str) -> tuple[dict[str, str], list[Complaint]]:
    complaints: list[Complaint] = []
    given = [Label(name=name, value=value) for name, value in labels.items()]
    tree = label_tree(given, complaints)
    return {path: leaf.value for path, leaf in tree.leaves()}, complaints


def test_names_are_compared_without_case_and_values_are_trimmed() -> None:
    found, complaints = leaves(**{"Traefik.HTTP.Routers.X.Rule": "  a ", "traefik.http.b": "c"})

    assert found == {"http.routers.x.rule": "a", "http.b": "c"}
    assert complaints == []


def test_an_index_in_brackets_is_a_level_of_its_own() -> None:
    assert leaves(**{"traefik.a.domains[0].main": "x"})[0] == {"a.domains.[0].main": "x"}


def test_a_duplicate_label_keeps_the_first_value_and_is_reported() -> None:
    found, complaints = leaves(**{"traefik.a": "second", "traefik.A": "first"})

    assert found == {"a": "first"}
    assert [complaint.label for complaint in complaints] == ["traefik.a"]


def test_labels_without_the_prefix_traefik_are_ignored() -> None:
    assert leaves(**{"traefikish.a": "x", "com.example": "y", "traefik": "z"}) == ({}, [])


@pytest.mark.parametrize(
    "name",
    [
        "traefik.",
        "traefik..a",
        "traefik.a.",
        "traefik.a[0][1]",
        "traefik.[0]",
        "traefik.a[0",
        "traefik." + ".".join("a" * DEPTH_MAX),
    ],
)
def test_a_label_with_an_invalid_name_is_reported(name: str) -> None:
    found, complaints = leaves(**{name: "x"})

    assert found == {}
    assert [complaint.label for complaint in complaints] == [name]


def test_a_label_of_the_maximum_depth_is_read() -> None:
    path = ".".join("a" * (DEPTH_MAX - 1))

    assert leaves(**{f"traefik.{path}": "x"})[0] == {path: "x"}
