"""A regular expression is refused if Go cannot compile it, and only then (tried with Go 1.26)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.go_regexp import regexp_fault

RIGHT = [
    "",
    "^/api/v[0-9]{1,2}/(.*)$",
    "(?i)a",
    "a(?i)b",
    "(?i:a|b)(?s-i:c)",
    "(?:a|b)+?",
    "(?P<name>a)",
    "(?<name>a)",
    "\\d\\w\\s\\b\\.\\_\\/\\A\\z\\x41\\x{1F600}\\012\\Qa++\\E*",
    "[0-9a-f]{8}-[0-9a-f]{4}",
    "(a{10}){100}",
    "a{1000}",
    "a{,3}",
    "a{01}{",
    "{id}",
    "[]a]",
    "[+--b]",
    "[[]",
    "[[:alpha:]\\d\\pL-]",
    "\\pL\\p{^Greek}\\P{Lu}",
    "a\\++",
    "^*",
    "(|a)*",
    "\u00e9",
    "a" * 2000,
]
WRONG = [
    "(",
    ")",
    "a)",
    "[a",
    "[z-a]",
    "[a--b]",
    "[a-\\d]",
    "[[:alfa:]]",
    "*a",
    "(*a)",
    "a|*",
    "(?i)*",
    "a++",
    "a**",
    "a{1}{2}",
    "a*??",
    "a{2,1}",
    "a{1001}",
    "(a{100}){100}",
    "(?=a)",
    "(?<!a)b",
    "(?>a)",
    "(?P=a)",
    "(?P<a>a)(?P<a>b)",
    "(?P<a b>a)",
    "(?-)a",
    "(?x)a",
    "(a)\\1",
    "\\Z",
    "\\8",
    "\\xZZ",
    "\\x{110000}",
    "\\\u00e9",
    "\\",
    "[\\b]",
    "(" * 300 + ")" * 300,
]


@pytest.mark.parametrize("text", RIGHT, ids=range(len(RIGHT)))
def test_what_go_compiles_is_accepted(text: str) -> None:
    assert regexp_fault(text) == ""


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_go_cannot_compile_is_refused_with_a_short_reason(text: str) -> None:
    assert 0 < len(regexp_fault(text)) < 200


@given(st.text(alphabet="ab()[]{}*+?|\\^$-:,<>P=!i01dQEx.", max_size=40))
def test_any_text_is_decided(text: str) -> None:
    assert isinstance(regexp_fault(text), str)
