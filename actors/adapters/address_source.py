"""Asks a source with which public address this host reaches it, over IPv4 or IPv6."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from constellation.dns.public_address import ANSWER_BYTES_MAX, Family, SourceSaid, read_answer

TIMEOUT_S = 5.0
_SOCKET_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


def ask_source(url: str, family: Family, timeout_s: float = TIMEOUT_S) -> SourceSaid:
    """Return what the source says.  It blocks; redirects and proxies are not followed.

    `timeout_s` is of the connection, and then of the whole answer, even if that comes byte by byte.
    """
    try:
        status, body = _get(url, family, timeout_s)
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return SourceSaid(url, family, why_not=str(why)[:200], is_silent=True)
    if status != http.client.OK:
        return SourceSaid(url, family, why_not=f"it answers with status {status}")
    return read_answer(url, family, body)


def _get(url: str, family: Family, timeout_s: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    connection.sock = _connected(host, port, family, timeout_s)
    watched, ends_at_s = connection.sock.dup(), time.monotonic() + timeout_s
    limit = threading.Timer(timeout_s, _cut, (watched,))
    limit.daemon = True
    limit.start()
    try:
        if is_tls:
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        path = parts.path or "/"
        headers = {"User-Agent": "constellation", "Connection": "close"}
        connection.request("GET", f"{path}?{parts.query}" if parts.query else path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(ANSWER_BYTES_MAX + 1)
        if time.monotonic() >= ends_at_s:  # it may be cut
            raise TimeoutError(f"no whole answer within {timeout_s:g} s")
        return answer.status, body
    finally:
        limit.cancel()
        connection.close()
        watched.close()


def _cut(connection: socket.socket) -> None:
    """End a connection in whatever another thread does with it."""
    with contextlib.suppress(OSError):  # it has ended
        connection.shutdown(socket.SHUT_RDWR)


def _connected(host: str, port: int, family: Family, timeout_s: float) -> socket.socket:
    found = socket.getaddrinfo(host, port, _SOCKET_FAMILIES[family], socket.SOCK_STREAM)
    made = socket.socket(found[0][0], socket.SOCK_STREAM)
    try:
        made.settimeout(timeout_s)
        made.connect(found[0][4])
    except OSError:
        made.close()
        raise
    return made
