"""Rules that reach the body are rules that Traefik parses."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.rule import RuleError, check_rule

GOOD = [
    "Host(`a.example.org`)",
    'Host("a.example.org")',
    "Host(`*.example.org`)",
    "Host(`my_app.localhost`) && PathPrefix(`/`)",
    "(Host(`a`) && Path(`/x`)) || !Method(`GET`)",
    "!(Host(`a`) || Host(`b`)) && !Path(`/x`)",
    "  Host( `a` )  ",
    "HostRegexp(`^.+\\.example\\.org$`)",
    "PathRegexp(`^/api/v[0-9]{1,2}/`)",
    "Header(`X-A`, `b`) && HeaderRegexp(`X-A`, `^b`)",
    "Query(`a`) || Query(`a`, `b`) || QueryRegexp(`a`, `.*`)",
    "ClientIP(`10.0.0.0/8`) || ClientIP(`::1`)",
    "Path(`/{x}`)",
]
BAD = [
    "",
    "   ",
    "Hst(`a`)",
    "Host(`a`,`b`)",
    "Host(`a`) Host(`b`)",
    "Host(`a",
    "Host(`a`) &&",
    "&& Host(`a`)",
    "(Host(`a`)",
    "Host(`a`))",
    "Host()",
    "Host(``)",
    "Host(a)",
    "Host(`\u00e9.localhost`)",
    "HostSNI(`a`)",
    "Path(`x`)",
    "PathRegexp(`(`)",
    "PathRegexp(`(?=x)`)",
    "PathRegexp(`(a)\\1`)",
    "PathRegexp(`a{1,5000}`)",
    "PathRegexp(`a++`)",
    "ClientIP(`x`)",
    "ClientIP(`fe80::1%eth0`)",
    "Method(``)",
    "Host(`a`) || " * 1000 + "Host(`a`)",
    "(" * 50 + "Host(`a`)" + ")" * 50,
    "!" * 5000,
]


@pytest.mark.parametrize("rule", GOOD)
def test_rule_is_accepted(rule: str) -> None:
    check_rule(rule)


@pytest.mark.parametrize("rule", BAD, ids=range(len(BAD)))
def test_rule_is_refused(rule: str) -> None:
    with pytest.raises(RuleError, match=r"\w"):
        check_rule(rule)


@given(st.text(alphabet='Host()`a&|! "\\Path/,.*+?[]{}', max_size=60))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    with contextlib.suppress(RuleError):
        check_rule(text)

        # Accepted: then at least one matcher has its value.
        assert "(`" in text or '("' in text or "( " in text
