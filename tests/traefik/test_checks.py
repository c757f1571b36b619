"""Values that Traefik parses but refuses to build (each was tried on Traefik 3.7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from constellation.traefik.schema import checks

GOOD = [
    (checks.header_name, "X-Test_1"),
    (checks.header_value, "a\tb \u00e9"),
    (checks.network, "10.0.0.1"),
    (checks.network, "10.0.0.1/8"),
    (checks.network, "::1/128"),
    (checks.status_range, "500-599"),
    (checks.status_range, "404"),
    (checks.media_type, "text/html"),
    (checks.media_type, "text/html; charset=utf-8"),
    (checks.basic_user, "a:$apr1$x"),
    (checks.digest_user, "a:realm:0f"),
    (checks.http_url, "http://a_b.example:80/x?y=%20"),
    (checks.http_url, "https://user:secret@[::1]:8443"),
    (checks.http_url, "h2c://a"),
    (checks.provided, "x@file"),
    (checks.tls_options, "default"),
    (checks.port_text, "65535"),
    (checks.breaker_expression, "NetworkErrorRatio() > 0.30"),
    (checks.breaker_expression, "LatencyAtQuantileMS(50.0) > 100"),
    (
        checks.breaker_expression,
        (
            "(ResponseCodeRatio(500, 600, 0, 600) > 0.25 && NetworkErrorRatio() < 0.5) "
            "|| LatencyAtQuantileMS(99.9) >= 2000"
        ),
    ),
    (checks.buffering_expression, "IsNetworkError() && Attempts() < 2"),
    (checks.buffering_expression, '(ResponseCode() == 502 || RequestMethod() != "GET")'),
    (checks.regexp, "^a"),
    (checks.one_of("a", "b"), "b"),
]
BAD = [
    (checks.header_name, "X Test"),
    (checks.header_name, ""),
    (checks.header_value, "a\nb"),
    (checks.header_value, "a\tb\r\nX: y"),
    (checks.network, "10.0.0.0/255.0.0.0"),
    (checks.network, "10.0.0.0/33"),
    (checks.network, "fe80::1%eth0"),
    (checks.network, "x"),
    (checks.status_range, "600"),
    (checks.status_range, "599-500"),
    (checks.status_range, "500-"),
    (checks.media_type, "text"),
    (checks.media_type, "*/*"),
    (checks.media_type, "text/html; charset"),
    (checks.media_type, "a/b; a=b; a=c"),
    (checks.basic_user, "a"),
    (checks.basic_user, "a:b:c"),
    (checks.digest_user, "a:b"),
    (checks.http_url, "http://a/%zz"),
    (checks.http_url, "http://a%41/"),
    (checks.http_url, "http://a|b/"),
    (checks.http_url, "http://a\\b/"),
    (checks.http_url, "ftp://a/"),
    (checks.http_url, "http:///x"),
    (checks.http_url, "http://a:0/"),
    (checks.http_url, "http://a:99999/"),
    (checks.http_url, "http://[::1/"),
    (checks.http_url, "http://a/\u00e9"),
    (checks.provided, "x"),
    (checks.tls_options, "strong"),
    (checks.port_text, "0"),
    (checks.port_text, "65536"),
    (checks.port_text, "http"),
    (checks.breaker_expression, ""),
    (checks.breaker_expression, "NetworkErrorRatio() > 1"),
    (checks.breaker_expression, "NetworkErrorRatio() > -0.5"),
    (checks.breaker_expression, "LatencyAtQuantileMS(50) > 100"),
    (checks.breaker_expression, "LatencyAtQuantileMS(50.0) > 100.5"),
    (checks.breaker_expression, "LatencyAtQuantileMS(50.0) > 08"),
    (checks.breaker_expression, "!(NetworkErrorRatio() > 0.5)"),
    (checks.breaker_expression, "NetworkErrorRatio() > 0.5 &&"),
    (checks.breaker_expression, "NetworkErrorRatio() > 0.5 & & NetworkErrorRatio() > 0.5"),
    (checks.breaker_expression, "NetworkErrorRatio() > 0.5\u00a0|| NetworkErrorRatio() > 0.5"),
    (checks.breaker_expression, "(NetworkErrorRatio() > 0.5"),
    (checks.breaker_expression, "\0"),
    (checks.breaker_expression, "(" * 2000),
    (checks.buffering_expression, "!IsNetworkError()"),
    (checks.buffering_expression, "Attempts()"),
    (checks.buffering_expression, "RequestMethod() == GET"),
    (checks.regexp, "("),
    (checks.one_of("a", "b"), "A"),
]


@pytest.mark.parametrize(("check", "text"), GOOD, ids=[repr(text[:30]) for _, text in GOOD])
def test_a_value_that_traefik_accepts_is_accepted(check: Callable[[str], str], text: str) -> None:
    assert check(text) == ""


@pytest.mark.parametrize(("check", "text"), BAD, ids=[repr(text[:30]) for _, text in BAD])
def test_a_value_that_traefik_refuses_is_refused_with_a_reason(
    check: Callable[[str], str], text: str
) -> None:
    assert check(text)


@pytest.mark.parametrize("check", [checks.basic_user, checks.digest_user])
def test_the_reason_does_not_contain_the_secret(check: Callable[[str], str]) -> None:
    assert "hunter2" not in check("hunter2")


@pytest.mark.parametrize(
    ("check", "values", "is_right"),
    [
        (checks.at_most_one_of("a", "b"), {"a": 1}, True),
        (checks.at_most_one_of("a", "b"), {"a": 1, "b": 1}, False),
        (checks.at_most_one_of("a", "b"), {"a": 1, "b": False}, True),
        (checks.some_of("a", "b"), {"b": 1}, True),
        (checks.some_of("a", "b"), {"c": 1}, False),
        (checks.says_something, {"a": False}, False),
        (checks.says_something, {"a": True}, True),
        (checks.one_type, {"a": {}}, True),
        (checks.one_type, {"a": {}, "b": {}}, False),
        (checks.one_type, {}, False),
    ],
)
def test_values_are_checked_together(
    check: Callable[[dict[str, object]], str], values: dict[str, object], is_right: bool
) -> None:
    assert (check(values) == "") is is_right
