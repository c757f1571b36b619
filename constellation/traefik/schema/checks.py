"""Checks of values of labels, value by value as Traefik 3.7 takes them (tests/traefik/verdicts).

A fault is either a refusal, because Traefik refuses the body or leaves the element out, which costs
an error line at every change; or a warning, because Traefik takes the value but it will not work.
Deviation: expressions have a limit on their length.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from constellation.near_names import did_you_mean
from constellation.traefik.go_regexp import regexp_fault
from constellation.traefik.schema.kinds import Fault

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_CODE = re.compile(r"[+]?[0-9]{1,18}")
_QUOTED = r'"(?:[^"\\\r\n]|\\.)*"'
_MEDIA_TYPE = re.compile(
    rf"\s*({_WORD}(?:/{_WORD})?)\s*((?:;\s*{_WORD}=(?:{_WORD}|{_QUOTED})\s*)*);?\s*"
)
_PARAMETER = re.compile(rf";\s*({_WORD})=")
_PROVIDED = re.compile(r"[^@\s]{1,128}@[A-Za-z0-9]{1,64}")
_HASH = re.compile(r"\$(?:apr1|1)\$[^$]*\$[^$]+|\$2[abxy]\$.+|\{SHA\}.+")

# One comparison or call of an expression, as oxy's predicates have them: a ratio is compared
# with a number that has a point, a time with one that has none, and nothing has a sign.
_WHOLE = r"(0|[1-9][0-9]{0,17})"
_POWER = r"[eE][+-]?[0-9]{1,2}"
_POINT = rf"(([0-9]{{1,9}}\.[0-9]{{0,9}}|\.[0-9]{{1,9}})({_POWER})?|[0-9]{{1,9}}{_POWER})"
_ORDER = r"(==|!=|<=|>=|<|>)"
_BREAKER_TERM = re.compile(
    rf"(NetworkErrorRatio\( *\)|ResponseCodeRatio\(( *{_WHOLE} *,){{3}} *{_WHOLE} *\))"
    rf" *{_ORDER} *{_POINT}|LatencyAtQuantileMS\( *{_POINT} *\) *{_ORDER} *{_WHOLE}"
)
_BUFFERING_TERM = re.compile(
    rf"IsNetworkError\( *\)|(Attempts|ResponseCode)\( *\) *{_ORDER} *{_WHOLE}"
    r"|RequestMethod\( *\) *(==|!=) *(\"[A-Za-z]{1,16}\"|`[A-Za-z]{1,16}`)"
)
_COMMENT = re.compile(r"//[^\n]*$|/\*.*?\*/")
# As in any Go expression, a line goes on only after an operator, a comma or an open parenthesis.
_LINE_BREAK = re.compile(r"(?<=[&|(,<>=!])[ \t]*(\r?\n[ \t]*)+")
EXPRESSION_CHARACTERS_MAX = 1024


def warning(reason: str, remedy: str = "correct the value") -> Fault:
    """Return the fault of a value that Traefik takes."""
    return Fault(reason, remedy, is_sent=True)


def one_of(*choices: str) -> Callable[[str], Fault | None]:
    """Return a check for one of `choices`, in that case; Traefik refuses others."""
    return _choice(choices, "", is_sent=False)


def best_one_of(otherwise: str, *choices: str) -> Callable[[str], Fault | None]:
    """Return a check that warns of what is none of `choices`; `otherwise` says what happens."""
    return _choice(choices, f"; {otherwise}", is_sent=True)


def _choice(choices: tuple[str, ...], more: str, *, is_sent: bool) -> Callable[[str], Fault | None]:
    listed = ", ".join(choices)

    def check(text: str) -> Fault | None:
        if text in choices:
            return None
        remedy = did_you_mean(text, choices, "use one of them")
        return Fault(f"{text[:64]!r} is none of {listed}{more}", remedy, is_sent)

    return check


def regexp(text: str) -> Fault | None:
    """Accept a regular expression that Go compiles."""
    wrong = regexp_fault(text)
    return Fault(f"{text[:64]!r} is not a regular expression of Go: {wrong}") if wrong else None


def not_empty(text: str) -> Fault | None:
    """Warn of an empty text in a list."""
    return None if text else warning("the list has an empty value", "remove the extra comma")


def named(text: str) -> Fault | None:
    """Accept any name that is not empty."""
    return None if text else Fault("the list has an empty value", "remove the extra comma")


def header_name(text: str) -> Fault | None:
    """Warn of what no header can be called (RFC 9110 §5.1)."""
    if _HEADER.fullmatch(text):
        return None
    return warning(f"{text[:64]!r} is not the name of a header", "correct the name")


def header_value(text: str) -> Fault | None:
    """Warn of a value that no header can have (RFC 9110 §5.5), without the text."""
    if not re.search("[\x00-\x08\x0a-\x1f\x7f]", text):
        return None
    reason = "it has a line break or another control character, which no header can have"
    return warning(reason, "write it in one line")


def network(text: str) -> Fault | None:
    """Accept an IP address, or a network as CIDR: Go knows no other form of its mask."""
    wrong = Fault(f"{text[:64]!r} is neither an address nor a network", "write e.g. 10.0.0.0/8")
    _, slash, mask = text.partition("/")
    if slash and not re.fullmatch(r"[0-9]{1,3}", mask):
        return wrong
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return wrong
    if "%" in text:
        return Fault("an address with a zone matches nothing", "remove the zone")
    return None


def status_range(text: str) -> Fault | None:
    """Accept "503" or "500-599"; warn of a range that no status is in."""
    low, _, high = text.partition("-")
    high = high.partition("-")[0] if "-" in text else low
    if not _CODE.fullmatch(low) or not _CODE.fullmatch(high):
        reason = f"{text[:64]!r} is not a status, or a range of them"
        return Fault(reason, "write one such as 503 or 500-599")
    if max(int(low), 100) <= min(int(high), 599):
        return None
    return warning(f"no status is in {text[:64]!r}", "write a range such as 500-599")


def known_status(number: int) -> Fault | None:
    """Accept a status that has a name, which Traefik insists on, or 0, its default."""
    if number == 0 or number in {status.value for status in HTTPStatus}:
        return None
    return Fault(f"{number} is not a status that Traefik knows", "use one such as 403")


def media_type(text: str) -> Fault | None:
    """Accept a media type with parameters (RFC 9110 §8.3.1), as Go's package mime."""
    match = _MEDIA_TYPE.fullmatch(text)
    names = [name.lower() for name in _PARAMETER.findall(text)]
    if match is None or len(names) != len(set(names)):
        return Fault(f"{text[:64]!r} is not a media type", "write one such as text/html")
    if "/" in match[1] and "*" not in match[1]:
        return None
    return warning(f"no response has the media type {text[:64]!r}", "write one such as text/html")


def replacement(text: str) -> Fault | None:
    """Accept any text; `$$1` is no group but the text $1."""
    if not re.search(r"\$\$(?:\{?\w)", text):
        return None
    reason = "$$ stands for the character $: only in a Compose file every $ is doubled"
    return warning(reason, "write a single $ before a group, e.g. ${1}")


def basic_user(text: str) -> Fault | None:
    """Accept "name:hash"; what is wrong is said without the text, it is a secret."""
    if text.count(":") != 1:
        return Fault("a user is written as name:hash", "make one with htpasswd -nB NAME")
    name, _, password = text.partition(":")
    if name and _HASH.fullmatch(password):
        return None
    if password.startswith("$$"):
        reason = "a hash begins with $$: only in a Compose file every $ is doubled"
        return warning(f"{reason}; nobody can log in", "write a single $ each time")
    reason = "a password is not hashed as by htpasswd (bcrypt, MD5, SHA1), so nobody can log in"
    return warning(reason if name else "a user has no name", "make one with htpasswd -nB NAME")


def digest_user(text: str) -> Fault | None:
    """Accept "name:realm:hash"; what is wrong is said without the text, it is a secret."""
    if text.count(":") != 2:
        return Fault("a user is written as name:realm:hash", "make one with htdigest")
    if re.fullmatch(r"[^:]+:[^:]+:[0-9a-f]{32}", text):
        return None
    return warning("a user is not as by htdigest, so nobody can log in", "make one with htdigest")


def provided(text: str) -> Fault | None:
    """Accept the name of what another provider of Traefik defines, such as x@file."""
    if _PROVIDED.fullmatch(text):
        return None
    reason = f"labels cannot define {text[:64]!r}"
    return Fault(reason, "name one of another provider, such as x@file")


def tls_options(text: str) -> Fault | None:
    """Accept the TLS options that are always there, and those of another provider."""
    return None if text == "default" else provided(text)


def port_text(text: str) -> Fault | None:
    """Accept a port that is written as text."""
    if _is_port(text):
        return None
    return Fault(f"{text[:64]!r} is not a port", "write a number from 1 to 65535")


def http_port(text: str) -> Fault | None:
    """Accept a port; Traefik reads 80/tcp as port 80 and a path that it does not use."""
    port, slash, protocol = text.partition("/")
    if slash and protocol and _is_port(port):
        return warning(f"{text[:64]!r} is more than a port; {port} is used", f"write {port}")
    return port_text(text)


def url_alone(values: Mapping[str, Any]) -> Fault | None:
    """Warn of a port or a scheme beside a URL, which Traefik's Docker provider does not take."""
    beside = [name for name in ("port", "scheme") if values.get(name)]
    if not values.get("url") or not beside:
        return None
    return warning(f"beside url, {' and '.join(beside)} has no effect", f"remove {beside[0]}")


def redirect_port(text: str) -> Fault | None:
    """Warn of a port to which no browser can be sent."""
    if _is_port(text):
        return None
    return warning(f"{text[:64]!r} is not a port", "write a number from 1 to 65535")


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 0 < int(text) < 65536


def url_scheme(text: str) -> Fault | None:
    """Refuse a scheme that makes a URL that Go cannot parse; warn of one that is not HTTP's."""
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*", text):
        reason = f"{text[:64]!r} is not a scheme"
        return Fault(reason, "use http, https or h2c")
    return best_one_of("every request fails", "http", "https", "h2c")(text)


def breaker_expression(text: str) -> Fault | None:
    """Accept a circuit breaker's expression, such as `NetworkErrorRatio() > 0.30`."""
    return _expression(text, _BREAKER_TERM, "NetworkErrorRatio() > 0.30")


def buffering_expression(text: str) -> Fault | None:
    """Accept a retry expression of buffering, such as `IsNetworkError() && Attempts() < 2`."""
    return _expression(text, _BUFFERING_TERM, "IsNetworkError() && Attempts() < 2")


def _expression(text: str, term: re.Pattern[str], example: str) -> Fault | None:
    """Accept terms joined by && and ||, in parentheses at will: terms are cut out, then pairs."""
    wrong = Fault(f"{text[:64]!r} is no expression that Traefik knows", f"write e.g. {example}")
    if len(text) > EXPRESSION_CHARACTERS_MAX:
        reason = f"it has {len(text)} characters, the limit is {EXPRESSION_CHARACTERS_MAX}"
        return Fault(reason, "shorten it")
    if "\0" in text:
        return wrong
    rest = _LINE_BREAK.sub(" ", _COMMENT.sub(" ", text)).strip().replace("\t", " ")
    previous, rest = "", term.sub("\0", rest)
    while rest != previous:
        previous = rest
        rest = re.sub(r"\0 *(&&|\|\|) *\0|\( *\0 *\)", "\0", rest)
    return None if rest.strip(" ") == "\0" else wrong


# Of several values together.


def at_most_one_of(*names: str) -> Callable[[Mapping[str, Any]], Fault | None]:
    """Return a check that only one of `names` is there."""

    def check(values: Mapping[str, Any]) -> Fault | None:
        found = [name for name in names if values.get(name)]
        if len(found) <= 1:
            return None
        return Fault(f"{' and '.join(found)} exclude one another", f"keep one, e.g. {found[0]}")

    return check


def some_of(*names: str) -> Callable[[Mapping[str, Any]], Fault | None]:
    """Return a check that at least one of `names` is there."""

    def check(values: Mapping[str, Any]) -> Fault | None:
        if any(values.get(name) for name in names):
            return None
        return Fault(f"it has no {' nor '.join(names)}", f"add {names[0]}")

    return check


def says_something(values: Mapping[str, Any]) -> Fault | None:
    """Refuse values all of which are the same as not being there; a number is not."""
    if any(value or type(value) is int for value in values.values()):
        return None
    return Fault("it has no effect", "remove it, or set an option")


def one_type(values: Mapping[str, Any]) -> Fault | None:
    """Refuse a middleware of several types, or of none, which is one that is switched off."""
    if not values:
        return Fault("it is switched off, so Traefik cannot use it", "remove its labels")
    if len(values) == 1:
        return None
    reason = f"it is {' and '.join(sorted(values))} at once"
    return Fault(reason, "define a middleware for each, and join them with chain")
