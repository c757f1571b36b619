"""A page of a foreign site gets no answer; Traefik, Prometheus and people on this host do."""

from __future__ import annotations

import pytest

from constellation.browser_guard import refusal

ALLOWED = frozenset({"alpha.tail1234.ts.net", ".home.example"})


@pytest.mark.parametrize(
    "host",
    [
        None,
        "127.0.0.1:8081",
        "127.0.0.1",
        "127.1:8081",
        "[::1]:8081",
        "[fd7a:115c:a1e0::1]",
        "localhost:8081",
        "LOCALHOST",
        "constellation:8081",
        "alpha",
        "host.docker.internal:8081",
        "alpha.lan",
        "traefik.home.example",
        "alpha.tail1234.ts.net:8081",
        "Alpha.Tail1234.ts.net.:8081",
    ],
)
def test_a_request_to_a_name_that_no_foreign_site_can_have_is_answered(host: str | None) -> None:
    assert refusal(host, None, ALLOWED) == ""


@pytest.mark.case("S11")
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8081",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8081",
        "evil.tail9.ts.net",
        "evil.internal.example",
        "evilhome.example",
        "xalpha.tail1234.ts.net",
        "127.0.0.1@evil.example",
        "[::1].evil.example",
    ],
)
def test_a_request_to_a_name_in_public_dns_is_refused(host: str) -> None:
    assert "http.allowed_hosts" in refusal(host, None, ALLOWED)


@pytest.mark.case("S11")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1.evil.example:8081",
        "null",
        "",
        "http://[",
        "file://",
    ],
)
def test_a_request_of_a_page_of_another_host_is_refused(origin: str) -> None:
    assert "must not read" in refusal("127.0.0.1:8081", origin, ALLOWED)


def test_a_request_of_a_page_of_the_agent_itself_is_answered() -> None:
    assert refusal("127.0.0.1:8081", "http://127.0.0.1:8081", ALLOWED) == ""
