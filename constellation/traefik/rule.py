"""Checks router rules (Traefik documentation, "Rules & Priority", v3).

A rule that Traefik cannot parse disables its router, and Traefik logs an error at every change of
the configuration.  So rules are parsed here first:

    rule   = and { "||" and }        and  = not { "&&" not }
    not    = "!" not | "(" rule ")" | matcher "(" string { "," string } ")"
    string = "`" ... "`" | '"' ... '"'

Matchers may also be written in lower or upper case only.  A line break is allowed except after a
value or a closing parenthesis.  Deviation: some rules that Traefik accepts are refused, such as
escapes in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from constellation.traefik.go_regexp import is_regexp
from constellation.traefik.schema.checks import network

RULE_CHARACTERS_MAX = 4096
NESTING_MAX = 16

_TOKEN = re.compile(
    r"""[ \t\r]*(?:(?P<string>`[^`\n]*`|"[^"\\\n]*")|(?P<word>[A-Za-z]+)"""
    r"""|(?P<mark>&&|\|\||[!(),]))"""
)
_GOES_ON = frozenset({"&&", "||", "!", "(", ","})
_LINES = re.compile(r"[ \t\r\n]*")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,128}")
_METHOD = re.compile(r"[A-Za-z]{1,32}")
_QUERY = re.compile(r"[\x21-\x7e]{1,256}")
_TEXT = re.compile(r"[\x20-\x7e]{1,1024}")
_PATH = re.compile(r"/[\x21-\x7e]{0,1023}")


class RuleError(ValueError):
    """Traefik cannot parse the rule; the text says where and why."""


def check_rule(rule: str) -> None:
    """Check the rule of an HTTP router.

    Raises:
        RuleError: Traefik cannot parse it, or it exceeds the limits here.
    """
    _check(rule, _MATCHERS)


def check_tcp_rule(rule: str, *, has_tls: bool) -> None:
    """Check the rule of a TCP router.

    Without TLS a client sends no host name, so a rule that matches one is refused, as by Traefik.

    Raises:
        RuleError: Traefik cannot parse or use it, or it exceeds the limits here.
    """
    _check(rule, _TCP_MATCHERS)
    if not has_tls and _HOST_SNI_NAME.search(rule):
        raise RuleError(
            "HostSNI with a name needs TLS on the router; without TLS, use HostSNI(`*`)"
        )


def _check(rule: str, matchers: Mapping[str, tuple[Callable[[str], bool], ...]]) -> None:
    if len(rule) > RULE_CHARACTERS_MAX:
        raise RuleError(f"it has {len(rule)} characters, the limit is {RULE_CHARACTERS_MAX}")
    parser = _Parser(_tokens(rule), matchers)
    parser.alternatives(0)
    if parser.position < len(parser.tokens):
        raise RuleError(f"unexpected {parser.peek()[:64]} after the end of the rule")


def _tokens(rule: str) -> list[str]:
    tokens: list[str] = []
    rule = rule.strip(" \t\r\n")
    position, end = 0, len(rule)
    while position < end:
        if tokens and tokens[-1] in _GOES_ON:
            position = _LINES.match(rule, position).end()  # type: ignore[union-attr]
        match = _TOKEN.match(rule, position)
        if match is None:
            raise RuleError(f"syntax error at {rule[position : position + 20]!r}")
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens of one rule."""

    def __init__(
        self, tokens: list[str], matchers: Mapping[str, tuple[Callable[[str], bool], ...]]
    ) -> None:
        self.tokens = tokens
        self.matchers = matchers
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else "its end"

    def next_token(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def expect(self, mark: str) -> None:
        if (found := self.next_token()) != mark:
            raise RuleError(f"{mark!r} expected, found {found[:64]}")

    def alternatives(self, depth: int) -> None:
        if depth > NESTING_MAX:
            raise RuleError(f"it is nested deeper than {NESTING_MAX} levels")
        self.operand(depth)
        while self.peek() in {"&&", "||"}:
            self.next_token()
            self.operand(depth)

    def operand(self, depth: int) -> None:
        while self.peek() == "!":
            self.next_token()
        if self.peek() == "(":
            self.next_token()
            self.alternatives(depth + 1)
            self.expect(")")
            return
        self.matcher(self.next_token())

    def matcher(self, name: str) -> None:
        right = _SPELLINGS.get(name, name)
        checks = self.matchers.get(right)
        if checks is None:
            raise RuleError(f"unknown matcher {name[:64]}; use one of {', '.join(self.matchers)}")
        self.expect("(")
        arguments = [self.argument(name)]
        while self.peek() == ",":
            self.next_token()
            arguments.append(self.argument(name))
        self.expect(")")
        if len(arguments) not in {len(checks), _MATCHERS_ALSO.get(right)}:
            raise RuleError(f"{name} takes {len(checks)} values, found {len(arguments)}")
        for check, argument in zip(checks, arguments, strict=False):
            if not check(argument):
                raise RuleError(f"{name} cannot match {argument[:64]!r}")

    def argument(self, name: str) -> str:
        token = self.next_token()
        if token[0] not in '`"':
            raise RuleError(f"{name} needs a value in backticks, found {token[:64]}")
        return token[1:-1]


def _is_network(text: str) -> bool:
    return not network(text)


def _spellings(name: str) -> tuple[str, str, str]:
    return name, name.lower(), name.upper()


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


_MATCHERS: dict[str, tuple[Callable[[str], bool], ...]] = {
    "Host": (_matches(_HOST),),
    "HostRegexp": (is_regexp,),
    "Path": (_matches(_PATH),),
    "PathPrefix": (_matches(_PATH),),
    "PathRegexp": (is_regexp,),
    "Method": (_matches(_METHOD),),
    "Header": (_matches(_HEADER), _matches(_TEXT)),
    "HeaderRegexp": (_matches(_HEADER), is_regexp),
    "Query": (_matches(_QUERY), _matches(_TEXT)),
    "QueryRegexp": (_matches(_QUERY), is_regexp),
    "ClientIP": (_is_network,),
}
_MATCHERS_ALSO = {"Query": 1, "QueryRegexp": 1}  # the value is optional

_HOST_SNI_NAME = re.compile(r"HostSNIRegexp\s*\(|HostSNI\s*\(\s*[`\"](?!\*[`\"])", re.IGNORECASE)
_TCP_MATCHERS: dict[str, tuple[Callable[[str], bool], ...]] = {
    "HostSNI": (lambda text: text == "*" or _HOST.fullmatch(text) is not None,),
    "HostSNIRegexp": (is_regexp,),
    "ClientIP": (_is_network,),
    "ALPN": (lambda text: text != "acme-tls/1" and _QUERY.fullmatch(text) is not None,),
}
_SPELLINGS = {spelt: right for right in (*_MATCHERS, *_TCP_MATCHERS) for spelt in _spellings(right)}
