"""The set-ups satisfy what the comparison relies on."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.traefik.compatibility.expected import EXPECTED, NOT_LISTED
from tests.traefik.compatibility.setups import Setup, container, owner
from tests.traefik.compatibility.table import FIRST, SECOND, SETUPS

each_setup = pytest.mark.parametrize("setup", SETUPS.values(), ids=lambda setup: setup.name)


@each_setup
def test_no_two_setups_share_a_name(setup: Setup) -> None:
    names = {found.name for found in setup.containers} | {
        label.split(".")[3]
        for found in setup.containers
        for label in found.labels
        if label.lower().startswith(("traefik.http.", "traefik.tcp.", "traefik.udp."))
    }

    assert {owner(name, SETUPS) for name in names} == {setup.name}


def test_container_names_are_unique() -> None:
    count = Counter(found.name for setup in SETUPS.values() for found in setup.containers)

    assert [name for name, number in count.items() if number > 1] == []


def test_there_are_enough_setups() -> None:
    assert len(SETUPS) >= 240


def test_labels_of_a_setup_are_parsed() -> None:
    read = container("web", " traefik.a.rule=Host(`x`) && Query(`q`, `1=2`) \n\n traefik.b= \n")

    assert read.labels == {
        "traefik.enable": "true",
        "traefik.a.rule": "Host(`x`) && Query(`q`, `1=2`)",
        "traefik.b": "",
    }


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tls", "tls"),
        ("TLS-options", "tls"),
        ("default-rule-tls-auth", "default-rule-tls"),
        ("default-rule-auth", "default-rule"),
        ("plain.localhost", "plain"),
        ("plainer", ""),
    ],
)
def test_an_element_belongs_to_the_setup_with_the_longest_matching_name(
    name: str, found: str
) -> None:
    assert owner(name, SETUPS) == found


def test_setup_names_are_unique() -> None:
    assert len(SETUPS) == len(FIRST) + len(SECOND) + 1


def test_differences_are_expected_of_setups_only() -> None:
    assert {*EXPECTED, *NOT_LISTED} - SETUPS.keys() == set()
    assert all(expected.why for expected in EXPECTED.values())
