"""What of HTTP/1.1 is understood, what is refused, and how it is answered; without a socket."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.adapters.http_exchange import (
    FIELDS_MAX,
    HEAD_BYTES_MAX,
    LINE_BYTES_MAX,
    BadHead,
    HttpExchange,
    RequestHead,
)

LINE = b"GET /health HTTP/1.1\r\n"
HOST = LINE + b"Host: a\r\n"


def answer(head: bytes) -> tuple[bytes, bytes, bool]:
    """Return the answer to a request, and whether it is the last one."""
    exchange = HttpExchange()
    is_bad = isinstance(exchange.request(head), BadHead)
    status = 400 if is_bad else 200
    return *exchange.answer(status, {}, b"body", is_last=is_bad), exchange.is_last


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(
            b"\r\n" + LINE + b"Host: alpha:8081\r\nAccept:a \r\naccept: b",
            RequestHead("GET", "/health", {"host": "alpha:8081", "accept": "a, b"}),
            id="fields",
        ),
        pytest.param(
            b"HEAD /metrics?x=/y#z HTTP/1.1\r\nHost: a",
            RequestHead("HEAD", "/metrics", {"host": "a"}),
            id="query",
        ),
        pytest.param(
            b"GET http://evil.example/api/dynamic HTTP/1.1\r\nHost: localhost",
            RequestHead("GET", "/api/dynamic", {"host": "evil.example"}),
            id="the authority of the target counts",
        ),
        pytest.param(b"GET / HTTP/1.0", RequestHead("GET", "/", {}), id="old"),
        pytest.param(
            LINE + b"Host: a\r\nUser-Agent: \xe4",
            RequestHead("GET", "/health", {"host": "a", "user-agent": "ä"}),
            id="Latin-1",
        ),
    ],
)
def test_a_request_is_understood(head: bytes, expected: RequestHead) -> None:
    assert HttpExchange().request(head) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET / HTTP/2.0\r\nHost: a",
        b"GET / HTTP/0.9",
        b"GET  / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1 \r\nHost: a",
        b"G(T / HTTP/1.1\r\nHost: a",
        b"HEAD health HTTP/1.1\r\nHost: a",
        b"CONNECT alpha:443 HTTP/1.1\r\nHost: a",
        LINE + b"Accept: a",
        LINE + b"Host: a\r\nHost: a",
        LINE + b"Host: a\r\nHost: b",
        LINE + b"Host : a",
        LINE + b"Host: a\r\n folded",
        LINE + b"Host: a\r\n\tfolded",
        LINE + b"Host: a\nX: b",
        LINE + b"Host: a\rX: b",
        LINE + b"Host: a\r",
        LINE + b"Host: a\0",
        LINE + b"Host: a\r\nCookie: \x01",
        HOST + b": a",
        HOST + b"no field",
        HOST + b"Content-Length: 1, 2",
        HOST + b"Content-Length: -1",
        HOST + b"Transfer-Encoding: gzip, chunked",
        HOST + b"A: " + b"x" * LINE_BYTES_MAX,
        HOST + b"\r\n".join([b"A: b"] * FIELDS_MAX),
        HOST + b"\r\n".join([b"A: " + b"x" * 4000] * (HEAD_BYTES_MAX // 4000 + 1)),
    ],
)
def test_what_is_no_clear_request_is_refused_and_the_last(head: bytes) -> None:
    assert isinstance(HttpExchange().request(head), BadHead)
    sent, _, is_last = answer(head)
    assert sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close\r\n" in sent
    assert is_last


@pytest.mark.parametrize(
    ("head", "is_last"),
    [
        (LINE + b"Host: a", False),
        (HOST + b"Upgrade: h2c\r\nConnection: Upgrade", False),
        (HOST + b"Content-Length: 0", False),
        (HOST + b"Connection: te, Close", True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive", True),
        (HOST + b"Content-Length: 5", True),
        (HOST + b"Expect: 100-continue\r\nContent-Length: 5", True),
        (HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 0", True),
    ],
)
def test_a_connection_is_kept_unless_the_client_closes_it_or_sends_a_body(
    head: bytes, is_last: bool
) -> None:
    sent, body, was_last = answer(head)

    assert (body, was_last) == (b"body", is_last)
    assert (b"\r\nConnection: close\r\n" in sent) == is_last


def test_requests_of_one_connection_do_not_depend_on_one_another() -> None:
    exchange = HttpExchange()
    for head in (b"HEAD" + HOST[3:-2], HOST[:-2], b"HEAD" + HOST[3:-2], b"GET /"):
        is_bad = isinstance(exchange.request(head), BadHead)
        sent, body = exchange.answer(400 if is_bad else 200, {}, b"body", is_last=is_bad)

        assert b"\r\nContent-Length: 4\r\n" in sent
        assert body == (b"" if head.startswith(b"HEAD") else b"body")
    assert exchange.is_last


def test_a_long_field_of_spaces_does_not_cost_quadratic_time() -> None:
    began_s = time.thread_time()
    for _ in range(20):
        answer(HOST + b"A: " + b" " * (LINE_BYTES_MAX - 10) + b"\0")
        answer(HOST + b"A: " + b" " * (LINE_BYTES_MAX - 10) + b"x")

    assert time.thread_time() - began_s < 0.1


@given(st.one_of(st.binary(), st.binary().map(lambda rest: HOST + rest)))
def test_no_bytes_raise_and_no_field_smuggles_a_line(head: bytes) -> None:
    answer(head)
    found = HttpExchange().request(head)
    if isinstance(found, RequestHead):
        texts = (found.method, found.path, *found.fields, *found.fields.values())
        assert not any(set(text) & set("\r\n\0") for text in texts)
