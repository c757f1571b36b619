"""The head of a request is understood, or refused with a reason; nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.http_head import (
    FIELDS_MAX,
    LINE_BYTES_MAX,
    BadHead,
    RequestHead,
    read_request,
    status_of,
)

LINE = b"GET /health HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(
            LINE + b"Host: alpha:8081\r\nAccept:a \r\naccept: b",
            RequestHead("GET", "/health", {"host": "alpha:8081", "accept": "a, b"}, True),
            id="fields",
        ),
        pytest.param(
            b"HEAD /metrics?x=/y#z HTTP/1.1", RequestHead("HEAD", "/metrics", {}, True), id="query"
        ),
        pytest.param(
            b"GET http://evil.example/api/dynamic HTTP/1.1\r\nHost: localhost",
            RequestHead("GET", "/api/dynamic", {"host": "evil.example"}, True),
            id="the authority of the target counts",
        ),
        pytest.param(
            b"GET / HTTP/1.0", RequestHead("GET", "/", {}, False, is_http_1_0=True), id="old"
        ),
        pytest.param(
            b"GET / HTTP/1.0\r\nConnection: Keep-Alive",
            RequestHead("GET", "/", {"connection": "Keep-Alive"}, True, is_http_1_0=True),
            id="old, and keeps alive",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nConnection: te, close",
            RequestHead("GET", "/", {"connection": "te, close"}, False),
            id="the last request",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 5",
            RequestHead("POST", "/", {"content-length": "5"}, False),
            id="a body is not read",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0",
            RequestHead("GET", "/", {"transfer-encoding": "chunked", "content-length": "0"}, False),
            id="a chunked body is not read",
        ),
    ],
)
def test_a_request_is_understood(head: bytes, expected: RequestHead) -> None:
    assert read_request(head) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET / HTTP/2.0",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"G(T / HTTP/1.1",
        b"CONNECT alpha:443 HTTP/1.1",
        LINE + b"Host: a\r\nHost: a",
        LINE + b"Host : a",
        LINE + b"Host: a\r\n folded",
        LINE + b"Host: a\nX: b",
        LINE + b"Host: a\rX: b",
        LINE + b"Host: a\0",
        LINE + b": a",
        LINE + b"no field",
        LINE + b"A: " + b"x" * LINE_BYTES_MAX,
        LINE + b"\r\n".join([b"A: b"] * (FIELDS_MAX + 1)),
    ],
)
def test_what_is_no_clear_request_is_refused(head: bytes) -> None:
    assert isinstance(read_request(head), BadHead)


@given(st.one_of(st.binary(), st.binary().map(lambda rest: LINE + rest)))
def test_no_bytes_raise_and_no_field_smuggles_a_line(head: bytes) -> None:
    found = read_request(head)
    if isinstance(found, RequestHead):
        texts = (found.method, found.path, *found.fields, *found.fields.values())
        assert not any(set(text) & set("\r\n\0") for text in texts)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 200 OK", 200),
        (b"HTTP/1.0 404", 404),
        (b"HTTP/1.1 503 ", 503),
        (b"HTTP/1.1 099 x", None),
        (b"HTTP/1.1 2000 x", None),
        (b"HTTP/2 200", None),
        (b"SSH-2.0-OpenSSH", None),
        (b"", None),
    ],
)
def test_the_status_of_an_answer(line: bytes, status: int | None) -> None:
    assert status_of(line) == status
