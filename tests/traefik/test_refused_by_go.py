"""Values that Python accepts and Go does not: Traefik would log an error at every change."""

from __future__ import annotations

import pytest

from constellation.traefik.rule import RuleError, check_rule
from constellation.traefik.schema import checks
from constellation.traefik.schema.kinds import Struct, Whole
from constellation.traefik.schema.middlewares import MIDDLEWARE


@pytest.mark.parametrize(
    "rule",
    [
        "Host(`a`)\n&& Path(`/`)",
        "Host(`a`\n)",
        "Host\n(`a`)",
        "Host(`a`)\u00a0&& Path(`/`)",
        "Host(`a`)\x0c&& Path(`/`)",
        "ClientIP(`10.0.0.0/255.0.0.0`)",
        "HostRegexp(`(a{100}){100}`)",
        "HostRegexp(`[\\b]`)",
    ],
)
def test_a_rule_that_go_cannot_parse_is_refused(rule: str) -> None:
    with pytest.raises(RuleError) as refused:
        check_rule(rule)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "rule",
    [
        "Host(`a`) &&\n Path(`/`)",
        "(\nHost(`a`) ||\r\n\tHost(`b`))\n",
        "ClientIP(`10.0.0.0/8`) && ClientIP(`::1`)",
        "HostRegexp(`(a{10}){100}`)",
        "HostRegexp(`\\bapp[a-b]`)",
    ],
)
def test_a_rule_that_go_parses_is_accepted(rule: str) -> None:
    check_rule(rule)


def test_the_reason_is_short_for_a_long_rule() -> None:
    for rule in ("Host(`" + "\u00fc" * 4000 + "`)", "Host" + "x" * 4000, "`" + "x" * 4000 + "`"):
        with pytest.raises(RuleError) as refused:
            check_rule(rule)
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("NetworkErrorRatio() > 0.30", True),
        ("NetworkErrorRatio() > 1", False),
        ("NetworkErrorRatio() > -0.5", False),
        ("NetworkErrorRatio() > \u0663.5", False),
        ("NetworkErrorRatio() > 0.3\n&& NetworkErrorRatio() > 0.4", False),
        ("!(NetworkErrorRatio() > 0.3)", False),
        ("ResponseCodeRatio(500, 600, 0, 600) > 0.25", True),
        ("ResponseCodeRatio(500, 600, 0, 600) > 1", False),
        ("LatencyAtQuantileMS(50.0) > 100", True),
        ("LatencyAtQuantileMS(50) > 100", False),
        ("LatencyAtQuantileMS(50.0) > 1.5", False),
        ("LatencyAtQuantileMS(50.0) > 09", False),
        ("(NetworkErrorRatio() > 0.3) && ((LatencyAtQuantileMS(50.0) > 9))", True),
    ],
)
def test_a_circuit_breaker_expression_follows_the_syntax_of_oxy(text: str, right: bool) -> None:
    assert (checks.breaker_expression(text) == "") == right


def test_a_retry_expression_has_no_negation() -> None:
    assert checks.buffering_expression("!IsNetworkError()")
    assert not checks.buffering_expression("IsNetworkError() && Attempts() < 2")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("http://a/%zz", False),
        ("http://a{b/", False),
        ("http://a/%20", True),
        ("http://u:p@a.b:80/x?y", True),
        ("http://[::1]:80", True),
    ],
)
def test_a_url_must_be_parsed_by_go(text: str, right: bool) -> None:
    assert (checks.http_url(text) == "") == right


def test_the_reason_for_a_wrong_url_does_not_contain_its_password() -> None:
    assert "secret" not in checks.http_url("http://joe:secret%@auth.example.org")


def test_a_network_mask_must_be_a_number() -> None:
    assert checks.network("10.0.0.0/255.0.0.0")
    assert not checks.network("10.0.0.0/8")
    assert not checks.network("fd00::1")


def test_a_middleware_that_is_switched_off_is_refused() -> None:
    assert "switched off" in MIDDLEWARE.check({})


def test_buffering_has_no_negative_limit() -> None:
    buffering = MIDDLEWARE.find("buffering")
    assert buffering is not None
    assert isinstance(buffering.kind, Struct)
    for name in ("maxRequestBodyBytes", "maxResponseBodyBytes"):
        field = buffering.kind.find(name)
        assert field is not None
        assert field.kind == Whole(at_least=0)
