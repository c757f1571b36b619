"""Which requests a page in someone's browser may have sent, and are therefore refused.

A page of a foreign site can make a browser on this host send requests to the agent.  It can read
the answers if the name of that site resolves to the agent's address (DNS rebinding); then the
request names the site as its `Host`.  A foreign site needs a name in public DNS, so a request
to an IP address, to a name without a dot, or to a name of a private zone is no such request.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from constellation.settings.addresses import is_ip

# Zones that public DNS does not have (RFC 6761, RFC 6762, RFC 8375, ICANN SAC113).  Tailscale's
# names are not among them: anyone may have one in public DNS.
PRIVATE_ZONES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")

_PORT = re.compile(r":[0-9]*$")
# A name whose last part is a number is an IPv4 address to every client, such as 127.1.
_SHORT_ADDRESS = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


def refusal(host: str | None, origin: str | None, allowed: Collection[str]) -> str:
    """Return why a request with these header fields is refused; empty: it is not.

    Args:
        host: the field `Host`, with or without a port; None: there is none (no browser).
        origin: the field `Origin`; None: there is none.
        allowed: further names; one that starts with a dot allows every name below it.
    """
    if host is not None and not is_own_name(_without_port(host), allowed):
        return f"the host {host[:100]!r} is no name of this agent: add it to http.allowed_hosts"
    if origin is not None and _host_of(origin) != _without_port(host or ""):
        return f"a page of {origin[:100]!r} must not read this agent"
    return ""


def is_own_name(name: str, allowed: Collection[str]) -> bool:
    """Return whether no foreign site can have `name`."""
    name = name.removesuffix(".")
    return (
        "." not in name
        or _is_address(name)
        or name.endswith(PRIVATE_ZONES)
        or any(_covers(one.lower(), name) for one in allowed)
    )


def _covers(allowed: str, name: str) -> bool:
    return name.endswith(allowed) if allowed.startswith(".") else name == allowed


def _is_address(name: str) -> bool:
    is_short = _SHORT_ADDRESS.fullmatch(name) is not None
    return is_short or is_ip(name.removeprefix("[").removesuffix("]"))


def _without_port(host: str) -> str:
    return _PORT.sub("", host.strip().lower())


def _host_of(origin: str) -> str | None:
    """Return the host of an origin; None if it has none, as the origin `null`."""
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return None
    return _without_port(netloc) or None
