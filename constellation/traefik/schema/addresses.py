"""Checks of addresses in labels: what Go can parse, and what the Traefik of each node can reach."""

from __future__ import annotations

import ipaddress
import re

from constellation.traefik.schema.kinds import Fault

URL_CHARACTERS_MAX = 4096
INSTEAD = "write one that every node reaches, e.g. that of a node with the published port"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=<>\"-]|[^\x00-\x7f]|%[89A-Fa-f][0-9A-Fa-f])*")
_PORT = re.compile(r"(?::[0-9]*)?")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")


def go_url_fault(text: str) -> str:
    """Return why Go cannot parse `text` as a URL (net/url); empty: it can."""
    if len(text) > URL_CHARACTERS_MAX:
        return f"it has {len(text)} characters, the limit is {URL_CHARACTERS_MAX}"
    if _CONTROL.search(text):
        return "a URL has no control characters"
    rest, _, fragment = text.partition("#")
    scheme = _SCHEME.match(rest)
    rest = rest[scheme.end() :] if scheme else rest
    rest = rest.partition("?")[0]
    if not scheme and ":" in rest.partition("/")[0]:
        return "a URL begins with its scheme, such as http://"
    is_opaque = scheme is not None and not rest.startswith("/")
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        if not _is_authority(authority):
            return "its host or port is not valid"
        rest = slash + path
    if not is_opaque and (_BROKEN_ESCAPE.search(rest) or _BROKEN_ESCAPE.search(fragment)):
        return "after a % two hexadecimal digits are expected"
    return ""


def _is_authority(text: str) -> bool:
    user, at, host = text.rpartition("@")
    if at and (not _USER.fullmatch(user) or _BROKEN_ESCAPE.search(user)):
        return False
    if host.startswith("["):
        end = host.rfind("]")
        return _is_ipv6(host[1:end]) and _PORT.fullmatch(host[end + 1 :]) is not None
    name, colon, port = host.rpartition(":")
    if not colon:
        name, port = host, ""
    return _HOST.fullmatch(name) is not None and re.fullmatch(r"[0-9]*", port) is not None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text.replace("%25", "%"))
    except ValueError:
        return False
    return True


def server_url(text: str) -> Fault | None:
    """Refuse the URL of a server that Go cannot parse; warn of one to which nothing can be sent."""
    if fault := go_url_fault(text):
        return Fault(f"it is not a URL: {fault}", "write one such as http://192.168.1.50:8080/")
    return _reached(text, ("http", "https", "h2c"))


def http_address(text: str) -> Fault | None:
    """Warn of an address to which Traefik cannot send a request of its own.

    What is wrong is said without the text, there may be a secret in it.
    """
    if fault := go_url_fault(text):
        reason = f"it is not a URL, so every request fails: {fault}"
        return Fault(reason, "write one such as http://10.0.0.1:9091/verify", is_sent=True)
    return _reached(text, ("http", "https"))


def _reached(text: str, schemes: tuple[str, ...]) -> Fault | None:
    scheme, _, rest = text.partition("://")
    host, port = _host_and_port(rest)
    wrong = ""
    if scheme.lower() not in schemes:
        wrong = f"the scheme is none of {', '.join(schemes)}"
    elif not host or not (host.startswith("[") or _NAME.fullmatch(host)):
        wrong = "its host is not valid"
    elif port and not 0 < int(port) < 65536:
        wrong = f"the port {port[:16]} does not exist"
    if not wrong:
        return None
    remedy = "write one such as http://10.0.0.1:8080/"
    return Fault(f"no request can be sent to it: {wrong}", remedy, is_sent=True)


def _host_and_port(authority: str) -> tuple[str, str]:
    """Return host and port of what follows the scheme, or of an address without one."""
    authority = re.split(r"[/?#]", authority, maxsplit=1)[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdecimal() or authority.endswith("]"):
        return authority, ""
    return host, port


def bare_name(address: str) -> str:
    """Return the host of an address if only its own node knows it; empty: others do too.

    A name without a dot is a container's, which Docker resolves on one node; loopback is each
    node's own.
    """
    host, _ = _host_and_port(re.sub(r"^[A-Za-z0-9+.-]*://", "", address))
    host = host.strip("[]").lower().rstrip(".")
    try:
        return host if ipaddress.ip_address(host).is_loopback else ""
    except ValueError:
        pass
    is_local = "." not in host or host.endswith((".localhost", ".docker.internal"))
    return host[:64] if _NAME.fullmatch(host) and is_local else ""
