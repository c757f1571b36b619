"""The host name in what an operator pastes: a URL, or a name in any spelling."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_PORT = re.compile(r":[0-9]*$")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # RFC 3490, section 3.1


def subject_of(text: str) -> str:
    """Return the host name that `text` is about, as rules have it; other names as they are.

    Rules have host names in lower case, without a port or a dot at the end, and in ASCII: a name
    with other letters has its IDNA form (RFC 3490).
    """
    bare = text.strip()
    scheme = _SCHEME.match(bare)
    if scheme:
        bare = bare[scheme.end() :]
    host = re.split(r"[/?#\\]", bare, maxsplit=1)[0]
    if scheme:
        host = host.rpartition("@")[2]  # without the user
    if not host.endswith("]") and (host.count(":") == 1 or host.startswith("[")):
        host = _PORT.sub("", host)
    host = host.rstrip(".")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return _in_ascii(host).lower().rstrip(".")


def _in_ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return ".".join(label.encode("idna").decode() for label in _DOTS.split(host))
    except UnicodeError:
        return host  # not a host name: it may still be another name
