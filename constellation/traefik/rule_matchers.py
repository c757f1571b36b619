"""The matchers of router rules: which values Traefik refuses, and which never match.

Rules in the syntax of Traefik 2 are the main cause of both.  Version 3 takes `{name:regexp}` as
plain text, and gives each matcher one value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import unquote

from constellation.settings.addresses import is_ip
from constellation.traefik.go_regexp import regexp_fault
from constellation.traefik.schema.checks import network
from constellation.traefik.schema.kinds import Fault
from constellation.value import Value

SHOWN_CHARACTERS_MAX = 80

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]([A-Za-z0-9_.-]*[A-Za-z0-9_.-])?")
_HOST_SNI = re.compile(r"(\*\.)?[\w.:-]+", re.ASCII)
# A placeholder of Traefik 2, which is not a count such as {2,3}.
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w-]*)(?::((?:[^{}]|\{[0-9,]+\})*))?\}")
# What Compose, a shell or a template was to replace.
_VARIABLE = re.compile(r"\$\{[A-Za-z_][^}]*\}|\{\{.*?\}\}")
_VARIABLE_IN_HOST = re.compile(rf"{_VARIABLE.pattern}|\$[A-Za-z_]\w*")
# What stands for characters in a regular expression, and is none itself.
_NO_LETTERS = re.compile(
    r"\\[pP](?:\{[^}]*\}|[A-Za-z])|\\x\{[^}]*\}|\\x[0-9A-Fa-f]{2}|\\.|\[(?:\\.|[^\]])*\]|\(\?P?<[^>]*>"
    r"|\(\?[a-zA-Z-]*[:)]"
)
_RESERVED = frozenset(":/?#[]@!$&'()*+,;=%")

ValueCheck = Callable[[str], Fault | None]


class Matcher(Value):
    """One matcher.

    Attributes:
        values: the checks of its values; the last `optional` may be missing.
        takes_more: the last check is for any further values too.
        check: of all values together.
    """

    values: tuple[ValueCheck, ...]
    optional: int = 0
    takes_more: bool = False
    check: Callable[[Sequence[str]], Fault | None] = lambda _: None


def _never(reason: str, remedy: str) -> Fault:
    return Fault(reason, remedy, is_sent=True)


def _shown(text: str) -> str:
    return repr(text[:SHOWN_CHARACTERS_MAX])


def _variable_in(reason: str, text: str, pattern: re.Pattern[str] = _VARIABLE) -> Fault | None:
    """Return the fault of a variable that was not replaced; `reason`: what it leads to."""
    if not (found := pattern.search(text)):
        return None
    shown = found[0][:SHOWN_CHARACTERS_MAX]
    remedy = (
        "write the value; a Compose file replaces ${NAME} with a single $, and a command in "
        "single quotes replaces nothing"
    )
    return _never(f"{reason}: the variable {shown} was not replaced", remedy)


def _host(host: str) -> Fault | None:
    if not host.isascii():
        return Fault(f"{_shown(host)} is not in ASCII", f"write Host(`{_ascii_host(host)}`)")
    if host == "*" or _HOST.fullmatch(host) or is_ip(host):
        return None
    reason = f"Host never matches {_shown(host)}"
    if fault := _variable_in(reason, host, _VARIABLE_IN_HOST):
        return fault
    bare = re.sub(r"^[a-z]+://", "", host.strip(), flags=re.IGNORECASE)
    bare = re.split(r"[/:]", bare, maxsplit=1)[0]
    if bare != host and _HOST.fullmatch(bare):
        return _never(f"{reason}: a host has no scheme, port or path", f"write Host(`{bare}`)")
    if _PLACEHOLDER.search(host):
        return _never(reason, f"write HostRegexp(`{host_pattern(host)}`)")
    if "*" in host:
        remedy = "use HostRegexp, e.g. HostRegexp(`^[^.]+\\.example\\.org$`)"
        return _never(f"{reason}: a * stands only for the whole first label", remedy)
    return _never(reason, "correct the host name")


def _ascii_host(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return "xn--..."


def _host_regexp(text: str) -> Fault | None:
    if not text.isascii():
        return Fault(f"{_shown(text)} is not in ASCII", "write host names as xn--...")
    if fault := _regexp(text):
        return fault
    if fault := _variable_in(f"HostRegexp never matches {_shown(text)}", text):
        return fault
    if _PLACEHOLDER.search(text):
        return _v2("HostRegexp", text, host_pattern(text))
    letters = _NO_LETTERS.sub("", text)
    if re.search("[A-Z]", letters) and "(?i" not in text:
        reason = f"HostRegexp never matches the capital letters in {_shown(text)}"
        return _never(f"{reason}: host names are compared in lower case", "write it in lower case")
    if re.search(r":(\d|$)", letters) or re.search(r":(\\d|\[)", text):
        reason = f"HostRegexp never matches the port in {_shown(text)}"
        return _never(reason, "remove the port")
    return None


def has_placeholder(text: str) -> bool:
    """Return whether `text` has a placeholder of Traefik 2, such as {name} or {name:[a-z]+}."""
    return _PLACEHOLDER.search(text) is not None


def host_pattern(text: str) -> str:
    """Return the regular expression of version 3 for a host of version 2."""
    pattern = text if text.startswith("^") else f"^{_pattern(text, '[^.]+', escaped='.')}$"
    return _pattern(pattern, "[^.]+") if pattern is text else pattern


def _pattern(text: str, default: str, *, escaped: str = "") -> str:
    """Return `text` with each placeholder replaced by its expression, or by `default`."""
    made, position = "", 0
    for found in _PLACEHOLDER.finditer(text):
        inner = found[2] or default
        made += _escaped(text[position : found.start()], escaped)
        made += f"(?:{inner})" if "|" in inner else inner
        position = found.end()
    return made + _escaped(text[position:], escaped)


def _escaped(text: str, characters: str) -> str:
    return re.sub(rf"(?<!\\)[{re.escape(characters)}]", r"\\\g<0>", text) if characters else text


def _v2(matcher: str, text: str, pattern: str) -> Fault:
    reason = f"{matcher} never matches {_shown(text)}: only Traefik 2 knows {{name:regexp}}"
    return _never(reason, f"write {matcher}(`{pattern}`)")


def _regexp(text: str) -> Fault | None:
    if fault := regexp_fault(text):
        reason = f"{_shown(text)} is not a regular expression of Go: {fault}"
        return Fault(reason, "correct the expression")
    return None


def _path(matcher: str) -> ValueCheck:
    def check(path: str) -> Fault | None:
        if not path.startswith("/"):
            reason = f"{matcher} needs a path that starts with /, found {_shown(path)}"
            return Fault(reason, f"write {matcher}(`/{path.lstrip('^/')}`)")
        return _path_never(matcher, path)

    return check


def _path_never(matcher: str, path: str) -> Fault | None:
    reason = f"{matcher} never matches {_shown(path)}"
    if fault := _variable_in(reason, path):
        return fault
    if _PLACEHOLDER.search(path):
        pattern = _pattern(path, "[^/]+", escaped=".")
        end = "$" if matcher == "Path" else ""
        remedy = f"write PathRegexp(`^{pattern}{end}`)"
        return _never(f"{reason}: only Traefik 2 knows {{name:regexp}}", remedy)
    if cut := re.search(r"[?#]", path):
        remedy = "match the query with Query" if cut[0] == "?" else "remove what follows the #"
        return _never(f"{reason}: a path ends before the {cut[0]}", remedy)
    if re.search(r"[*^|\\]|\(.*[+|].*\)|\[.*\]", path):
        remedy = "use PathRegexp for a pattern" if matcher == "Path" else "remove the pattern"
        return _never(f"{reason}: it is compared as it is written", remedy)
    for escape in re.findall(r"%[0-9A-Fa-f]{2}", path):
        decoded = unquote(escape, errors="replace")
        if decoded not in _RESERVED:
            remedy = f"write {matcher}(`{unquote(path)[:SHOWN_CHARACTERS_MAX]}`)"
            return _never(f"{reason}: paths are compared decoded", remedy)
        if escape != escape.upper():
            return _never(f"{reason}: escapes have capital letters", f"write {escape.upper()}")
    return None


def _path_regexp(text: str) -> Fault | None:
    if fault := _regexp(text):
        return fault
    if fault := _variable_in(f"PathRegexp never matches {_shown(text)}", text):
        return fault
    if _PLACEHOLDER.search(text):
        return _v2("PathRegexp", text, _pattern(text, "[^/]+"))
    if re.search(r"(?<!\\)\\\?", text):
        reason = f"PathRegexp never matches the ? in {_shown(text)}: a path ends before it"
        return _never(reason, "match the query with Query")
    return None


def _method(text: str) -> Fault | None:
    if re.fullmatch(r"[A-Za-z-]+", text):
        return None
    words = re.findall(r"[A-Za-z]+", text)[:8]
    reason = f"Method never matches {_shown(text)}"
    return _never(reason, f"write {each_value('Method', words)}" if words else "name a method")


def each_value(matcher: str, values: Sequence[str]) -> str:
    """Return how to write several values, each of which was to match."""
    return " || ".join(f"{matcher}(`{value[:SHOWN_CHARACTERS_MAX]}`)" for value in values[:8])


def _header_name(text: str) -> Fault | None:
    if text.lower() == "host":
        return _never("no header is called Host: Traefik takes it off", "use Host or HostRegexp")
    if _HEADER.fullmatch(text):
        return None
    return _never(f"no header is called {_shown(text)}", "correct the name")


def _header_value(text: str) -> Fault | None:
    if text == text.strip(" \t") and not re.search("[\x00-\x08\x0a-\x1f\x7f]", text):
        return None
    return _never("no header has spaces around its value, or control characters", "remove them")


def _query(values: Sequence[str]) -> Fault | None:
    pairs = [value for value in values if re.fullmatch(r"[\w.-]+=.*", value)]
    if pairs and pairs[0] == values[0]:
        reason = (
            f"Query matches no parameter called {_shown(pairs[0])}: only Traefik 2 knows name=value"
        )
        return _never(reason, f"write {' && '.join(map(_query_pair, pairs[:4]))}")
    if len(values) > 1 and values[1] == "*":
        reason = "Query matches only a value that is a *"
        return _never(reason, f"write QueryRegexp(`{values[0]}`, `.*`)")
    if len(values) > 1 and _PLACEHOLDER.search(values[1]):
        pattern = _pattern(values[1], ".*")
        reason = "only Traefik 2 knows {name:regexp}"
        return _never(reason, f"write QueryRegexp(`{values[0]}`, `^{pattern}$`)")
    return None


def _query_pair(pair: str) -> str:
    name, _, value = pair.partition("=")
    if _PLACEHOLDER.search(value):
        return f"QueryRegexp(`{name}`, `^{_pattern(value, '.*')}$`)"
    return f"Query(`{name}`, `{value}`)" if value else f"Query(`{name}`)"


def _host_sni(text: str) -> Fault | None:
    if text == "*":
        return None
    if not _HOST_SNI.fullmatch(text):
        reason = f"{_shown(text)} is not a host name"
        if fault := _variable_in(reason, text, _VARIABLE_IN_HOST):
            return fault._replace(is_sent=False)
        host = re.split(r"[/:]", re.sub(r"^[a-z]+://", "", text), maxsplit=1)[0]
        remedy = f"write HostSNI(`{host}`)" if _HOST.fullmatch(host) else "correct the name"
        return Fault(reason, remedy)
    if ":" in text and not is_ip(text):
        reason = f"HostSNI never matches {_shown(text)}: a name in TLS has no port"
        return _never(reason, f"write HostSNI(`{text.partition(':')[0]}`)")
    return None


def _host_sni_regexp(text: str) -> Fault | None:
    fault = _host_regexp(text)
    if fault is None:
        return None
    return fault._replace(
        reason=fault.reason.replace("HostRegexp", "HostSNIRegexp"),
        remedy=fault.remedy.replace("HostRegexp", "HostSNIRegexp"),
    )


def _alpn(text: str) -> Fault | None:
    if text == "acme-tls/1":
        return Fault("Traefik keeps the protocol acme-tls/1 for itself", "name another protocol")
    return None


def _any(_: str) -> Fault | None:
    return None


def _in_ascii(text: str) -> Fault | None:
    return None if text.isascii() else Fault(f"{_shown(text)} is not in ASCII")


def _starts_with_slash(text: str) -> Fault | None:
    return None if text.startswith("/") else Fault(f"{_shown(text)} does not start with /")


HTTP_MATCHERS = {
    "Host": Matcher((_host,)),
    "HostRegexp": Matcher((_host_regexp,)),
    "Path": Matcher((_path("Path"),)),
    "PathPrefix": Matcher((_path("PathPrefix"),)),
    "PathRegexp": Matcher((_path_regexp,)),
    "Method": Matcher((_method,)),
    "Header": Matcher((_header_name, _header_value)),
    "HeaderRegexp": Matcher((_header_name, _regexp)),
    "Query": Matcher((_any, _any), optional=1, check=_query),
    "QueryRegexp": Matcher((_any, _regexp), optional=1, check=_query),
    "ClientIP": Matcher((network,)),
}
TCP_MATCHERS = {
    "HostSNI": Matcher((_host_sni,)),
    "HostSNIRegexp": Matcher((_host_sni_regexp,)),
    "ClientIP": Matcher((network,)),
    "ALPN": Matcher((_alpn,)),
}

_V2 = Matcher((_any,), takes_more=True)
_V2_PATH = Matcher((_starts_with_slash,), takes_more=True)
HTTP_MATCHERS_V2 = {
    "Host": Matcher((_in_ascii,), takes_more=True),
    "HostHeader": Matcher((_in_ascii,), takes_more=True),
    "HostRegexp": _V2,
    "Path": _V2_PATH,
    "PathPrefix": _V2_PATH,
    "Method": _V2,
    "Headers": Matcher((_any, _any)),
    "HeadersRegexp": Matcher((_any, _regexp)),
    "Query": _V2,
    "ClientIP": Matcher((network,), takes_more=True),
}
TCP_MATCHERS_V2 = {
    "HostSNI": _V2,
    "HostSNIRegexp": _V2,
    "ClientIP": Matcher((network,), takes_more=True),
    "ALPN": Matcher((_alpn,), takes_more=True),
}

# Matchers of Traefik 1 and 2 that version 3 does not have, and what to write instead.
FORMER_MATCHERS = {
    "headers": "Header(`name`, `value`)",
    "headersregexp": "HeaderRegexp(`name`, `regexp`)",
    "hostheader": "Host(`app.example.org`)",
    "pathprefixstrip": "PathPrefix(`/path`), with the middleware stripPrefix",
    "pathstrip": "Path(`/path`), with the middleware stripPrefix",
    "pathprefixstripregex": "PathRegexp(`^/regexp`), with the middleware stripPrefixRegex",
    "pathstripregex": "PathRegexp(`^/regexp$`), with the middleware stripPrefixRegex",
    "addprefix": "the middleware addPrefix",
    "replacepath": "the middleware replacePath",
}
