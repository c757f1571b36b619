"""Checks of values that Traefik parses but then refuses when it builds an element from them.

A refusal then costs an error line at every change and the router that uses it.  Each check
returns what is wrong, or nothing.  Deviation: a little is refused that Traefik would take.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from constellation.traefik.go_regexp import is_regexp

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_STATUS_RANGE = re.compile(r"([1-5][0-9]{2})(-([1-5][0-9]{2}))?")
_WORD = r"[A-Za-z0-9!#$&^_.+*-]{1,127}"
_MEDIA_TYPE = re.compile(rf"(?!\*){_WORD}/{_WORD}( *; *{_WORD}={_WORD})?")
# What Go parses: every % is an escape, and none is in the host.
_URL = re.compile(
    r"(?P<scheme>https?|h2c)://([A-Za-z0-9._~-]+(:[A-Za-z0-9._~-]*)?@)?"
    r"([A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?"
    r"([/?#]([\x21-\x24\x26-\x7e]|%[0-9A-Fa-f]{2}){0,2048})?"
)
_PROVIDED = re.compile(r"[^@\s]{1,128}@[a-z0-9]{1,64}")

# One comparison or call of an expression, as oxy's predicates have them: a ratio is compared
# with a number that has a point, a time with one that has none, and nothing has a sign.
_WHOLE, _POINT = r"(0|[1-9][0-9]{0,17})", r"[0-9]{1,9}\.[0-9]{1,9}"
_ORDER = r"(==|!=|<=|>=|<|>)"
_BREAKER_TERM = re.compile(
    rf"(NetworkErrorRatio\( *\)|ResponseCodeRatio\(( *{_WHOLE} *,){{3}} *{_WHOLE} *\))"
    rf" *{_ORDER} *{_POINT}|LatencyAtQuantileMS\( *{_POINT} *\) *{_ORDER} *{_WHOLE}"
)
_BUFFERING_TERM = re.compile(
    rf"IsNetworkError\( *\)|(Attempts|ResponseCode)\( *\) *{_ORDER} *{_WHOLE}"
    r"|RequestMethod\( *\) *(==|!=) *\"[A-Z]{1,16}\""
)
EXPRESSION_CHARACTERS_MAX = 1024


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a check for one of `choices`, in that case."""

    def check(text: str) -> str:
        return "" if text in choices else f"{text[:64]!r} is none of {', '.join(choices)}"

    return check


def regexp(text: str) -> str:
    """Accept a regular expression that means the same in Go."""
    return "" if is_regexp(text) else f"{text[:64]!r} is not a regular expression of Go"


def not_empty(text: str) -> str:
    """Accept any text that is not empty."""
    return "" if text else "the value is empty"


def header_name(text: str) -> str:
    """Accept the name of a header (RFC 9110 §5.1)."""
    return "" if _HEADER.fullmatch(text) else f"{text[:64]!r} is not the name of a header"


def header_value(text: str) -> str:
    """Accept the value of a header (RFC 9110 §5.5)."""
    return "" if text.replace("\t", "").isprintable() else "it is not a valid value of a header"


def network(text: str) -> str:
    """Accept an IP address, or a network as CIDR: Go knows no other form of its mask."""
    wrong = f"{text[:64]!r} is neither an address nor a network"
    _, slash, mask = text.partition("/")
    if slash and not re.fullmatch(r"[0-9]{1,3}", mask):
        return wrong
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return wrong
    return "an address with a zone matches nothing" if "%" in text else ""


def status_range(text: str) -> str:
    """Accept "503" or "500-599"."""
    match = _STATUS_RANGE.fullmatch(text)
    if match is None or int(match[3] or match[1]) < int(match[1]):
        return f"{text[:64]!r} is not a status, or a range of them such as 500-599"
    return ""


def media_type(text: str) -> str:
    """Accept a media type with one parameter at most (RFC 9110 §8.3.1)."""
    return "" if _MEDIA_TYPE.fullmatch(text) else f"{text[:64]!r} is not a media type"


def basic_user(text: str) -> str:
    """Accept "name:hash"; what is wrong is said without the text, it is a secret."""
    return (
        ""
        if len(text.split(":")) == 2 and all(text.split(":"))
        else "a user is written as name:hash"
    )


def digest_user(text: str) -> str:
    """Accept "name:realm:hash"; what is wrong is said without the text, it is a secret."""
    return (
        ""
        if len(text.split(":")) == 3 and all(text.split(":"))
        else "a user is written as name:realm:hash"
    )


def http_url(text: str) -> str:
    """Accept an absolute URL of HTTP; what is wrong is said without it, there may be a secret."""
    try:
        right = _URL.fullmatch(text) is not None and urlsplit(text).port != 0
    except ValueError:
        right = False
    return "" if right else "it is not an HTTP URL"


def provided(text: str) -> str:
    """Accept the name of what another provider of Traefik defines, such as x@file."""
    if _PROVIDED.fullmatch(text):
        return ""
    return f"labels cannot define {text[:64]!r}: name one of another provider, such as x@file"


def tls_options(text: str) -> str:
    """Accept the TLS options that are always there, and those of another provider."""
    return "" if text == "default" else provided(text)


def port_text(text: str) -> str:
    """Accept a port that is written as text."""
    return "" if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536 else "it is not a port"


def breaker_expression(text: str) -> str:
    """Accept a circuit breaker's expression, such as `NetworkErrorRatio() > 0.30`."""
    return _expression(text, _BREAKER_TERM)


def buffering_expression(text: str) -> str:
    """Accept a retry expression of buffering, such as `IsNetworkError() && Attempts() < 2`."""
    return _expression(text, _BUFFERING_TERM)


def _expression(text: str, term: re.Pattern[str]) -> str:
    """Accept terms joined by && and ||, in parentheses at will: terms are cut out, then pairs."""
    wrong = f"{text[:64]!r} is no expression that Traefik knows"
    if len(text) > EXPRESSION_CHARACTERS_MAX:
        return f"it has {len(text)} characters, the limit is {EXPRESSION_CHARACTERS_MAX}"
    if "\0" in text:
        return wrong
    previous, rest = "", term.sub("\0", text)
    while rest != previous:
        previous = rest
        rest = re.sub(r"\0 *(&&|\|\|) *\0|\( *\0 *\)", "\0", rest)
    return "" if rest.strip(" ") == "\0" else wrong


# Of several values together.


def at_most_one_of(*names: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a check that only one of `names` is there."""

    def check(values: Mapping[str, Any]) -> str:
        found = [name for name in names if values.get(name)]
        return f"{' and '.join(found)} exclude one another" if len(found) > 1 else ""

    return check


def some_of(*names: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a check that at least one of `names` is there."""

    def check(values: Mapping[str, Any]) -> str:
        return "" if any(values.get(name) for name in names) else f"it has no {' nor '.join(names)}"

    return check


def says_something(values: Mapping[str, Any]) -> str:
    """Refuse values all of which are the same as not being there."""
    return "" if any(values.values()) else "it has no effect"


def one_type(values: Mapping[str, Any]) -> str:
    """Refuse a middleware of several types, or of none, which is one that is switched off."""
    if not values:
        return "it is switched off, so Traefik cannot use it"
    return f"it is {' and '.join(sorted(values))} at once" if len(values) > 1 else ""
