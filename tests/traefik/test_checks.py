"""Values that Traefik parses but refuses to build, and those that cannot work (tried on 3.7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from constellation.traefik.schema import addresses, checks
from constellation.traefik.schema.kinds import Fault

Check = Callable[[str], Fault | None]
HASH = "$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/"

GOOD: list[tuple[Check, str]] = [
    (checks.header_name, "X-Test_1"),
    (checks.header_value, "a\tb \u00e9"),
    (checks.network, "10.0.0.1"),
    (checks.network, "10.0.0.1/08"),
    (checks.network, "::1/128"),
    (checks.status_range, "500-599"),
    (checks.status_range, "404"),
    (checks.media_type, "text/html"),
    (checks.media_type, "TEXT/html; charset=utf-8;a=b"),
    (checks.basic_user, f"a:{HASH}"),
    (checks.basic_user, "a:$2y$05$x"),
    (checks.digest_user, "a:traefik:a2688e031edb4be6a3797f3882655c05"),
    (addresses.http_address, "HTTP://a_b.example:80/x?y=%20"),
    (addresses.http_address, "https://user:secret@[::1]:8443"),
    (addresses.server_url, "h2c://192.168.1.50/"),
    (checks.provided, "x@file"),
    (checks.tls_options, "default"),
    (checks.port_text, "65535"),
    (checks.breaker_expression, "NetworkErrorRatio() > 0.30"),
    (checks.breaker_expression, "NetworkErrorRatio() > .3 // a third"),
    (checks.breaker_expression, "NetworkErrorRatio() > 3e-1"),
    (checks.breaker_expression, "LatencyAtQuantileMS(50.0) > 100"),
    (checks.breaker_expression, "NetworkErrorRatio() > 0.3 &&\n NetworkErrorRatio() > 0.4"),
    (
        checks.breaker_expression,
        (
            "(ResponseCodeRatio(500, 600, 0, 600) > 0.25 && NetworkErrorRatio() < 0.5) "
            "|| LatencyAtQuantileMS(99.9) >= 2000"
        ),
    ),
    (checks.buffering_expression, "IsNetworkError() && Attempts() < 2"),
    (checks.buffering_expression, '(ResponseCode() == 502 || RequestMethod() != "get")'),
    (checks.buffering_expression, "RequestMethod() == `GET`"),
    (checks.regexp, "^a[[:alpha:]]"),
    (checks.one_of("a", "b"), "b"),
]
# Traefik takes them, and they cannot work.
WARNED: list[tuple[Check, str]] = [
    (checks.header_name, "X Test"),
    (checks.header_name, ""),
    (checks.header_value, "a\nb"),
    (checks.header_value, "a\tb\r\nX: y"),
    (checks.status_range, "600"),
    (checks.status_range, "599-500"),
    (checks.media_type, "text"),
    (checks.media_type, "*/*"),
    (checks.basic_user, "a:plain"),
    (checks.basic_user, ":b"),
    (checks.basic_user, "a:$$apr1$$x$$y"),
    (checks.replacement, "https://$${1}"),
    (checks.replacement, "/$$1"),
    (checks.digest_user, "a::c"),
    (addresses.http_address, "auth:80"),
    (addresses.http_address, "http://a/%zz"),
    (addresses.http_address, "ftp://a/"),
    (addresses.http_address, "h2c://a/"),
    (addresses.http_address, "http:///x"),
    (addresses.http_address, "http://a:0/"),
    (addresses.server_url, "http://a:99999/"),
    (addresses.server_url, "/run/x.sock"),
    (checks.redirect_port, "http"),
    (checks.http_port, "80/tcp"),
    (checks.url_scheme, "ws"),
    (checks.best_one_of("it is ignored", "a", "b"), "c"),
]
BAD: list[tuple[Check, str]] = [
    (checks.network, "10.0.0.0/255.0.0.0"),
    (checks.network, "10.0.0.0/33"),
    (checks.network, "fe80::1%eth0"),
    (checks.network, "x"),
    (checks.status_range, "500-"),
    (checks.status_range, "5xx"),
    (checks.media_type, "text/html; charset"),
    (checks.media_type, "a/b; a=b; a=c"),
    (checks.basic_user, "a"),
    (checks.basic_user, "a:b:c"),
    (checks.digest_user, "a:b"),
    (addresses.server_url, "http://a/%zz"),
    (addresses.server_url, "http://a%41/"),
    (addresses.server_url, "http://a|b/"),
    (addresses.server_url, "http://a b/"),
    (addresses.server_url, "http://a\\b/"),
    (addresses.server_url, "http://[::1/"),
    (addresses.server_url, "http://a:b/"),
    (addresses.server_url, "127.0.0.1:80"),
    (checks.url_scheme, "a b"),
    (checks.provided, "x"),
    (checks.tls_options, "strong"),
    (checks.port_text, "0"),
    (checks.port_text, "65536"),
    (checks.port_text, "http"),
    (checks.port_text, "80/tcp"),
    (checks.http_port, "http/tcp"),
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
def test_a_value_that_works_is_accepted(check: Check, text: str) -> None:
    assert check(text) is None


@pytest.mark.case("R12")
@pytest.mark.parametrize(("check", "text"), WARNED, ids=[repr(text[:30]) for _, text in WARNED])
def test_a_value_that_traefik_takes_is_sent_with_a_warning(check: Check, text: str) -> None:
    fault = check(text)

    assert fault is not None
    assert fault.is_sent
    assert fault.reason
    assert fault.remedy


@pytest.mark.parametrize(("check", "text"), BAD, ids=[repr(text[:30]) for _, text in BAD])
def test_a_value_that_traefik_refuses_is_refused_with_a_reason(check: Check, text: str) -> None:
    fault = check(text)

    assert fault is not None
    assert not fault.is_sent
    assert fault.reason


@pytest.mark.parametrize("text", ["hunter2", "joe:hunter2", "http://joe:hunter2%@auth/"])
@pytest.mark.parametrize(
    "check", [checks.basic_user, checks.digest_user, addresses.http_address, addresses.server_url]
)
def test_the_reason_does_not_contain_the_secret(check: Check, text: str) -> None:
    assert "hunter2" not in str(check(text))


@pytest.mark.case("R16")
@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://authsrv:80", "authsrv"),
        ("http://AuthSrv/verify?x=http://a.b", "authsrv"),
        ("redis:6379", "redis"),
        ("http://localhost:9091", "localhost"),
        ("http://127.0.0.1:9091", "127.0.0.1"),
        ("http://[::1]:9091", "::1"),
        ("http://host.docker.internal/", "host.docker.internal"),
        ("http://auth.example.org", ""),
        ("https://100.64.0.1:9091", ""),
        ("http://[fd00::1]", ""),
    ],
)
def test_a_host_that_only_its_own_node_knows_is_found(address: str, host: str) -> None:
    assert addresses.bare_name(address) == host


@pytest.mark.parametrize(
    ("check", "values", "is_right"),
    [
        (checks.at_most_one_of("a", "b"), {"a": 1}, True),
        (checks.at_most_one_of("a", "b"), {"a": 1, "b": 1}, False),
        (checks.at_most_one_of("a", "b"), {"a": 1, "b": False}, True),
        (checks.some_of("a", "b"), {"b": 1}, True),
        (checks.some_of("a", "b"), {"c": 1}, False),
        (checks.says_something, {"a": False, "b": ""}, False),
        (checks.says_something, {"a": 0}, True),
        (checks.says_something, {"a": True}, True),
        (checks.one_type, {"a": {}}, True),
        (checks.one_type, {"a": {}, "b": {}}, False),
        (checks.one_type, {}, False),
    ],
)
def test_values_are_checked_together(
    check: Callable[[dict[str, object]], Fault | None], values: dict[str, object], is_right: bool
) -> None:
    assert (check(values) is None) is is_right
