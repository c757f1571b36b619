"""The requests and answers of one HTTP/1.1 connection, as bytes: h11 parses and frames them.

h11 accepts what old clients send, and needs quadratic time for some malformed fields.  So these
heads are refused before it reads them: large ones, and those with a control character, a line that
does not end with CRLF, or a folded field (RFC 9112 §2.2 and §5.2 let a server choose).  What
follows a head is not read: a request with a body ends its connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

import h11

from constellation.value import Value

HEAD_BYTES_MAX = 16 << 10
LINE_BYTES_MAX = 4096
FIELDS_MAX = 64
END = b"\r\n\r\n"
WHY_CHARACTERS_MAX = 200  # h11 quotes the line that it refuses

_UNCLEAR = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n|\n[ \t]")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^?#]*)", re.IGNORECASE)


class RequestHead(Value):
    """A request.  Names of fields are in lower case; values of equal names are joined."""

    method: str
    path: str  # as sent, without the query
    fields: Mapping[str, str]


class BadHead(Value):
    """A head that is refused, and why."""

    why: str


class HttpExchange:
    """One request, its answer, the next request, and so on."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER)
        self._is_head = False
        self._has_body = False
        self.is_last = False  # the connection must be closed after the present answer

    def request(self, head: bytes) -> RequestHead | BadHead:
        """Return the request in `head`, which is everything before `END`."""
        self._is_head = self._has_body = False
        head = head.removeprefix(b"\r\n")  # an empty line before it (RFC 9112 §2.2)
        if why := _refusal(head):
            return BadHead(why)
        try:
            self._http.receive_data(head + END)
            request = self._http.next_event()
            assert isinstance(request, h11.Request), "a complete head is a request, or an error"
            self._is_head = request.method == b"HEAD"
            self._has_body = not isinstance(self._http.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError as error:
            return BadHead(str(error)[:WHY_CHARACTERS_MAX])
        return _request(request)

    def answer(
        self, status: int, fields: Mapping[str, str], body: bytes, *, is_last: bool = False
    ) -> tuple[bytes, bytes]:
        """Return the head and the body to send; `is_last`: close the connection after them."""
        headers = [*fields.items(), ("Content-Length", str(len(body)))]
        if is_last or self._has_body:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(status).phrase
        http = self._http
        head = http.send(h11.Response(status_code=status, headers=headers, reason=reason))
        sent = b"" if self._is_head else body
        if sent:
            http.send_with_data_passthrough(h11.Data(data=sent))  # no copy: it checks the length
        http.send(h11.EndOfMessage())
        self.is_last = {http.our_state, http.their_state} != {h11.DONE}
        if not self.is_last:
            http.start_next_cycle()
        return head, sent


def _refusal(head: bytes) -> str:
    """Return why a head is refused before it is parsed; empty: it is not."""
    if len(head) > HEAD_BYTES_MAX:
        return f"it has more than {HEAD_BYTES_MAX} bytes"
    lines = head.split(b"\r\n")
    if len(lines) > FIELDS_MAX + 1:
        return f"it has more than {FIELDS_MAX} fields"
    if max(map(len, lines)) > LINE_BYTES_MAX:
        return f"a line has more than {LINE_BYTES_MAX} bytes"
    if _UNCLEAR.search(head):
        return "it contains a control character or a folded field"
    return ""


def _request(request: h11.Request) -> RequestHead | BadHead:
    if request.http_version not in {b"1.0", b"1.1"}:
        return BadHead("it is not HTTP/1.1")
    fields = _fields(request)
    target = request.target.decode("ascii")
    if absolute := _ABSOLUTE.match(target):
        # A proxy sends it; the authority in it counts, not the field (RFC 9112 §3.2.2).
        fields["host"], path = absolute[1], absolute[2] or "/"
    elif target.startswith("/") or target == "*":
        path = target.partition("?")[0].partition("#")[0]
    else:
        return BadHead("the target is no path")
    return RequestHead(request.method.decode("ascii"), path, fields)


def _fields(request: h11.Request) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name_bytes, value_bytes in request.headers:
        name, value = name_bytes.decode("ascii"), value_bytes.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
