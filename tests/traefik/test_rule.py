"""Only rules that Traefik can parse reach the body."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.rule import RuleError, check_rule, check_tcp_rule

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
    "Host(`a`) &&\n  (Path(`/x`) ||\r\n\tPath(`/y`))\n",
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
    "Host(`a`)\n&& Path(`/`)",
    "Host(`a`\n)",
    "Host(`a`)\u00a0&& Path(`/`)",
    "Host(`a`)\x0b&& Path(`/`)",
    "ClientIP(`10.0.0.0/255.0.0.0`)",
    "HostRegexp(`(a{100}){100}`)",
    "hOST(`a`)",
    "Host(`a`) # b",
]
TCP = [
    ("HostSNI(`*`)", False, True),
    ("HostSNI(`a.example.org`)", True, True),
    ("hostsni(`a.example.org`)", True, True),
    ("HostSNIRegexp(`^a`)", True, True),
    ("ClientIP(`10.0.0.0/8`) && !ALPN(`h2`)", False, True),
    ("HostSNI(`*`) && ClientIP(`::1`)", False, True),
    ("HostSNI(`a.example.org`)", False, False),
    ("hostsni(`a.example.org`)", False, False),
    ('HostSNI( "a")', False, False),
    ("HostSNI(`*`) || HostSNI(`a`)", False, False),
    ("HostSNIRegexp(`^a`)", False, False),
    ("HostSNI(`a`, `b`)", True, False),
    ("ALPN(`acme-tls/1`)", True, False),
    ("ClientIP(`10.0.0.0/255.0.0.0`)", True, False),
    ("Host(`a`)", True, False),
    ("", True, False),
]


@pytest.mark.parametrize("rule", GOOD)
def test_a_rule_that_traefik_parses_is_accepted(rule: str) -> None:
    check_rule(rule)


@pytest.mark.parametrize("rule", BAD, ids=range(len(BAD)))
def test_a_rule_that_traefik_cannot_parse_is_refused(rule: str) -> None:
    with pytest.raises(RuleError, match=r"\w"):
        check_rule(rule)


@given(st.text(alphabet='Host()`a&|! "\\Path/,.*+?[]{}', max_size=60))
def test_any_text_is_either_accepted_or_refused_with_a_rule_error(text: str) -> None:
    with contextlib.suppress(RuleError):
        check_rule(text)

        # An accepted rule has at least one matcher with a value.
        assert "(`" in text or '("' in text or "( " in text


@pytest.mark.parametrize(("rule", "has_tls", "is_right"), TCP)
def test_a_tcp_rule_is_accepted_if_traefik_parses_and_uses_it(
    rule: str, has_tls: bool, is_right: bool
) -> None:
    if is_right:
        check_tcp_rule(rule, has_tls=has_tls)
        return
    with pytest.raises(RuleError, match=r"\w"):
        check_tcp_rule(rule, has_tls=has_tls)
