"""Rules evaluated for a host name alone: yes, no, or only for some requests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from constellation.traefik.rule_match import Match, evaluate

HOST = "Host(`a.example.net`)"
OTHER = "Host(`b.example.net`)"
PATH = "PathPrefix(`/x`)"


def matcher(name: str, values: Sequence[str]) -> Match:
    return values[0] == "a.example.net" if name == "host" else None


@pytest.mark.parametrize(
    ("rule", "match"),
    [
        (HOST, True),
        (OTHER, False),
        (PATH, None),
        (f"{HOST} && {PATH}", None),
        (f"{OTHER} && {PATH}", False),
        (f"{HOST} || {PATH}", True),
        (f"{OTHER} || {PATH}", None),
        (f"{OTHER} || {OTHER}", False),
        (f"!{OTHER}", True),
        (f"!!{HOST}", True),
        (f"!({HOST} || {PATH})", False),
        (f"{'!' * 4001}{OTHER}", True),
        (f"{'(' * 2000}{HOST}", None),
        (f"{HOST} || {OTHER} && {PATH}", True),
        (f"({HOST} || {OTHER}) && {PATH}", None),
        (f"{OTHER} && ({HOST} || {PATH})", False),
        ('host("a.example.net")', True),
        ("Header(`a`, `)(`) && HOST(`b.example.net`)", False),
        ("", None),
    ],
)
def test_and_or_not_of_what_is_known(rule: str, match: Match) -> None:
    assert evaluate(rule, matcher) is match
