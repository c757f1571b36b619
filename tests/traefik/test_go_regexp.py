"""A regular expression is accepted if it has the same meaning in Go and in Python."""

from __future__ import annotations

import pytest

from constellation.traefik.go_regexp import is_regexp


@pytest.mark.parametrize(
    "text",
    [
        "^/api/v[0-9]{1,2}/(.*)$",
        "(?i)a",
        "(?:a|b)+?",
        "(?P<name>a)",
        "\\d\\w\\s\\b\\.\\_\\/",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "(a{10}){100}",
        "[]a]",
        "a\\++",
    ],
)
def test_an_expression_with_the_same_meaning_in_go_is_accepted(text: str) -> None:
    assert is_regexp(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("(", id="open"),
        pytest.param("(?=a)", id="lookahead"),
        pytest.param("(?<!a)b", id="lookbehind"),
        pytest.param("(a)\\1", id="backreference"),
        pytest.param("(?P=a)", id="named backreference"),
        pytest.param("a++", id="possessive"),
        pytest.param("(?>a)", id="atomic"),
        pytest.param("a{101}", id="many"),
        pytest.param("(a{100}){100}", id="many times many"),
        pytest.param("a{,3}", id="no lower bound, which Go takes as text"),
        pytest.param("\\Z", id="an escape of Python's"),
        pytest.param("\\pL", id="an escape of Go's"),
        pytest.param("[[:alpha:]]", id="a class of Go's"),
        pytest.param("[a--b]", id="a set that may come to Python"),
        pytest.param("\u00e9", id="beyond ASCII"),
        pytest.param("a" * 1025, id="long"),
        pytest.param("a(?i)b", id="flags of a part"),
    ],
)
def test_an_expression_that_go_refuses_or_reads_differently_is_refused(text: str) -> None:
    assert not is_regexp(text)
