"""Rules as Traefik takes them: refused only what it refuses, with a warning of what never matches.

Each was tried on Traefik 3.7; `verdicts` has more.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.traefik.rule import http_rule_faults, tcp_rule_faults

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
    "Host(`a`) &&\n  (Path(`/x`) ||\r\n\tPath(`/y`))\n",
    "Host(`a.example.org.`) || Host(`A.EXAMPLE.ORG`)",
    "Host(`a`,)",
    'Host("a\\x2eb")',
    "Hostregexp(`^a`) && PATHPREFIX(`/a`)",
    "Host(`a`) // of the first",
    "Host(`a`) /* of the first */ && Path(`/`)",
    "HostRegexp(`(?i)^A[[:alpha:]]+$`)",
    "Path(`/a b/\u00e9`)",
    "PathRegexp(`\u00e9`)",
    "Host(`*`)",
]
# Rules that Traefik takes and that never match, with what to write instead.
NEVER = [
    ("HostRegexp(`{sub:[a-z]+}.example.org`)", "HostRegexp(`^[a-z]+\\.example\\.org$`)"),
    ("HostRegexp(`{any}.example.org`)", "HostRegexp(`^[^.]+\\.example\\.org$`)"),
    ("HostRegexp(`^{s:a|b}\\.example\\.org$`)", "HostRegexp(`^(?:a|b)\\.example\\.org$`)"),
    ("PathPrefix(`/x/{id:[0-9]{2,3}}`)", "PathRegexp(`^/x/[0-9]{2,3}`)"),
    ("Path(`/{id}`)", "PathRegexp(`^/[^/]+$`)"),
    ("PathRegexp(`^/{id:[0-9]+}`)", "PathRegexp(`^/[0-9]+`)"),
    ("Query(`mobile=true`)", "Query(`mobile`, `true`)"),
    ("Query(`a=b`, `c=d`)", "Query(`a`, `b`) && Query(`c`, `d`)"),
    ("Host(`a.example.org:8080`)", "Host(`a.example.org`)"),
    ("Host(`https://a.example.org/`)", "Host(`a.example.org`)"),
    ("Host(`*x.example.org`)", "HostRegexp"),
    ("HostRegexp(`^App\\.example\\.org$`)", "lower case"),
    ("HostRegexp(`^a:8080$`)", "remove the port"),
    ("PathPrefix(`/a?b=c`)", "Query"),
    ("PathPrefix(`/a*`)", "remove the pattern"),
    ("Path(`/a%20b`)", "Path(`/a b`)"),
    ("Method(`GET|POST`)", "Method(`GET`) || Method(`POST`)"),
    ("Header(`Host`, `a`)", "use Host"),
    ("Header(`X A`, `b`)", "correct the name"),
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
    "Headers(`X-A`, `b`)",
    "HostHeader(`a`)",
    "Host(`a`) || Path(`x`)",
    "Host(`a`) and Path(`/`)",
    "Host:a.example.org",
    "Host('a')",
    "PathPrefix(`/a`, `/b`)",
    "Header(`X-A`)",
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
    ("HostSNI(`*`) || HostSNI(`a`)", False, True),
    ("!HostSNI(`a`)", False, True),
    ("HostSNIRegexp(`^a`)", False, True),
    ("HostSNI(`a`, `b`)", True, False),
    ("ALPN(`acme-tls/1`)", True, False),
    ("ClientIP(`10.0.0.0/255.0.0.0`)", True, False),
    ("Host(`a`)", True, False),
    ("", True, False),
]


def refusals(rule: str) -> list[str]:
    return [fault.reason for fault in http_rule_faults(rule) if not fault.is_sent]


@pytest.mark.parametrize("rule", GOOD)
def test_a_rule_that_works_is_taken_without_a_warning(rule: str) -> None:
    assert http_rule_faults(rule) == []


@pytest.mark.case("R5", "R12")
@pytest.mark.parametrize(("rule", "instead"), NEVER)
def test_a_rule_that_never_matches_is_sent_with_what_to_write_instead(
    rule: str, instead: str
) -> None:
    (fault,) = http_rule_faults(f"Host(`a`) || {rule}")

    assert fault.is_sent
    assert instead in fault.remedy


@pytest.mark.case("R5")
@pytest.mark.parametrize(
    "rule",
    [
        "Host(`${APP_HOST}`)",
        "Host(`app.$DOMAIN`)",
        "Host(`app.{{ domain }}`)",
        "HostRegexp(`^${APP_HOST}$`)",
        "PathPrefix(`/${BASE:-app}`)",
        "PathRegexp(`^/${BASE}/`)",
    ],
)
def test_a_variable_that_was_not_replaced_is_told_as_such(rule: str) -> None:
    (fault,) = http_rule_faults(rule)

    assert fault.is_sent
    assert "was not replaced" in fault.reason
    assert fault.remedy.startswith("write the value")


@pytest.mark.parametrize("rule", BAD, ids=range(len(BAD)))
def test_a_rule_that_traefik_cannot_parse_is_refused(rule: str) -> None:
    assert refusals(rule)
    assert all(len(fault.reason) < 300 for fault in http_rule_faults(rule))


@pytest.mark.case("R5", "O6")
@pytest.mark.parametrize(
    ("rule", "remedies"),
    [
        ("Headers(`X-A`, `b`)", ["write Header(`name`, `value`)"]),
        ("HostHeader(`a`)", ["write Host(`app.example.org`)"]),
        ("Host(`a`, `b`)", ["write Host(`a`) || Host(`b`)"]),
        ("PathPrefix(`/a`, `/b`)", ["write PathPrefix(`/a`) || PathPrefix(`/b`)"]),
        (
            "Query(`a=b`, `c=d`, `e=f`)",
            ["write Query(`a`, `b`) && Query(`c`, `d`) && Query(`e`, `f`)"],
        ),
        ("Host:a.example.org", ["only Traefik 1 knows this form: write Host(`a.example.org`)"]),
        ('"Host(`a`)"', ["remove the quotation marks around it"]),
        ("Host(a.example.org)", ["write Host(`a.example.org`)"]),
        ("Host(`a`) && (Path(`/x`)", ["add it"]),
        ("Host(`a`) & Path(`/`)", ["write &&"]),
        ("Host(`a`) or Path(`/`)", ["write ||"]),
        ("Hots(`a`)", ["did you mean Host(`a`)?"]),
        ("Host(`\u00e9.org`)", ["write Host(`xn--9ca.org`)"]),
        ("Hots(`a`) && Path(`b`)", ["did you mean Host(`a`)?", "write Path(`/b`)"]),
    ],
)
def test_every_fault_of_a_rule_is_told_with_what_to_write(rule: str, remedies: list[str]) -> None:
    assert [fault.remedy for fault in http_rule_faults(rule)] == remedies


def test_a_rule_in_the_syntax_of_version_2_is_taken_if_the_router_says_so() -> None:
    rule = "Host(`a`, `b`) && Headers(`X-A`, `b`) && PathPrefix(`/{id:[0-9]+}`)"

    assert http_rule_faults(rule, is_v2=True) == []
    assert refusals(rule)


@given(st.text(alphabet='Host()`a&|! "\\Path/,.*+?[]{}', max_size=60))
def test_any_text_is_either_taken_or_refused(text: str) -> None:
    if not refusals(text):
        # A rule that is taken has at least one matcher with a value.
        assert "`" in text or '"' in text


@pytest.mark.parametrize(("rule", "has_tls", "is_right"), TCP)
def test_a_tcp_rule_is_taken_if_traefik_parses_and_uses_it(
    rule: str, has_tls: bool, is_right: bool
) -> None:
    faults = tcp_rule_faults(rule, has_tls=has_tls)

    assert any(not fault.is_sent for fault in faults) != is_right
