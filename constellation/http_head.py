"""The head of an HTTP/1.1 message, as bytes: requests to the listener, answers to a check.

It is strict where RFC 9112 lets a server choose: a line ends with CRLF, a field is not folded, a
control character is refused, and so is a second `Host`.  Sizes are limited.  What follows the head
is not read: a request with a body ends its connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

HEAD_BYTES_MAX = 16 << 10
LINE_BYTES_MAX = 4096
FIELDS_MAX = 64
END = b"\r\n\r\n"

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 §5.6.2
_REQUEST_LINE = re.compile(rb"(%b) ([!-~\x80-\xff]+) HTTP/1\.([01])" % _TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})( .*)?")
_FIELD = re.compile(rb"(%b):[ \t]*(.*?)[ \t]*" % _TOKEN)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request.  Names of fields are in lower case; values of equal names are joined."""

    method: str
    path: str  # as sent, without the query
    fields: Mapping[str, str]
    keeps_alive: bool  # the client expects to send another request
    is_http_1_0: bool = False


@dataclass(frozen=True, slots=True)
class BadHead:
    """A head that is refused, and why."""

    why: str


def read_request(head: bytes) -> RequestHead | BadHead:
    """Return the request in `head`, which is everything before the empty line."""
    lines = head.split(b"\r\n")
    if len(lines) > FIELDS_MAX + 1:
        return BadHead(f"it has more than {FIELDS_MAX} fields")
    if max(map(len, lines)) > LINE_BYTES_MAX:
        return BadHead(f"a line has more than {LINE_BYTES_MAX} bytes")
    if any(map(_CONTROL.search, lines)):
        return BadHead("it contains a control character")
    line = _REQUEST_LINE.fullmatch(lines[0])
    if line is None:
        return BadHead("the first line is no request of HTTP/1.1")
    fields = _fields(lines[1:])
    if isinstance(fields, BadHead):
        return fields
    return _request(
        line[1].decode(), line[2].decode("latin-1"), fields, is_http_1_0=line[3] == b"0"
    )


def _fields(lines: list[bytes]) -> dict[str, str] | BadHead:
    fields: dict[str, str] = {}
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            return BadHead("a field is malformed")
        name, value = found[1].decode().lower(), found[2].decode("latin-1")
        if name not in fields:
            fields[name] = value
        elif name == "host":
            return BadHead("it has two fields Host")
        else:
            fields[name] = f"{fields[name]}, {value}"
    return fields


def _request(
    method: str, target: str, fields: dict[str, str], *, is_http_1_0: bool
) -> RequestHead | BadHead:
    if absolute := _ABSOLUTE.match(target):
        # A proxy sends it; the authority in it counts, not the field (RFC 9112 §3.2.2).
        fields["host"], path = absolute[1], absolute[2] or "/"
    elif target.startswith("/") or target == "*":
        path = target.partition("?")[0].partition("#")[0]
    else:
        return BadHead("the target is no path")
    wishes = {word.strip().lower() for word in fields.get("connection", "").split(",")}
    keeps_alive = "keep-alive" in wishes if is_http_1_0 else "close" not in wishes
    return RequestHead(method, path, fields, keeps_alive and not _has_body(fields), is_http_1_0)


def _has_body(fields: Mapping[str, str]) -> bool:
    return "transfer-encoding" in fields or fields.get("content-length", "0") != "0"


def status_of(line: bytes) -> int | None:
    """Return the status in the first line of an answer, without CRLF; None if it is not HTTP."""
    found = _STATUS_LINE.fullmatch(line)
    return int(found[1]) if found else None
