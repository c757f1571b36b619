"""The tokens of router rules, which are expressions of Go.

Whatever reads a rule reads it by these, so that all agree with Traefik, and with one another, about
escapes, comments and line breaks.
"""

from __future__ import annotations

import re

from constellation.traefik.schema.kinds import Fault

NESTING_MAX = 16  # of parentheses
EXAMPLE = "see Traefik's documentation of rules, e.g. Host(`app.example.org`)"

_ESCAPE = r"\\(?:[abfnrtv\\\"]|[0-3][0-7]{2}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})"
_TOKEN = re.compile(
    rf"""(?P<string>`[^`]*`|"(?:[^"\\\n]|{_ESCAPE})*")|(?P<word>[A-Za-z]+)"""
    r"""|(?P<mark>&&|\|\||[!(),])"""
)
_QUOTES = ("'", '"', "\u2018", "\u2019", "\u201c", "\u201d")
_BARE_VALUE = re.compile(r"(\w+)\(\s*([^`\"'(),\s]+)\s*\)")
_GOES_ON = frozenset({"&&", "||", "!", "(", ","})
_SPACES = re.compile(r"(?:[ \t\r]|/\*[^\n]*?\*/|//[^\n]*)*")
_LINES = re.compile(r"(?:[ \t\r\n]|/\*.*?\*/|//[^\n]*)*", re.DOTALL)
_ESCAPED = re.compile(_ESCAPE)
_SIMPLE_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}


class RuleSyntaxError(ValueError):
    """Traefik cannot parse the rule."""

    def __init__(self, reason: str, remedy: str = EXAMPLE) -> None:
        super().__init__(reason)
        self.fault = Fault(f"Traefik cannot parse this rule: {reason}", remedy)


def tokens_of(rule: str) -> list[str]:
    """Return the words, marks and strings of a rule.

    Raises:
        RuleSyntaxError: Traefik cannot parse it.
    """
    tokens: list[str] = []
    rule = rule.strip(" \t\r\n")
    if rule.startswith(_QUOTES):
        raise RuleSyntaxError("it is in quotation marks", "remove the quotation marks around it")
    position, end = 0, len(rule)
    while True:
        goes_on = not tokens or tokens[-1] in _GOES_ON
        position = (_LINES if goes_on else _SPACES).match(rule, position).end()  # type: ignore[union-attr]
        if position >= end:
            return tokens
        match = _TOKEN.match(rule, position)
        if match is None:
            rest = rule[position : position + 20]
            raise RuleSyntaxError(f"syntax error at {rest!r}", _instead(rule, rest))
        tokens.append(match.group())
        position = match.end()


def _instead(rule: str, rest: str) -> str:
    """Return what to write instead of what is no Go expression."""
    if rest.startswith(_QUOTES):
        return "write values in backticks, e.g. Host(`app.example.org`)"
    if rest.startswith(("&", "|")):
        return f"write {rest[0] * 2}"
    if former := re.match(r"(\w+)\s*:\s*([^;]*)", rule):
        return f"only Traefik 1 knows this form: write {former[1]}(`{former[2][:64]}`)"
    if bare := _BARE_VALUE.search(rule):
        return f"write {bare[1]}(`{bare[2][:64]}`)"
    if rest.startswith("\n"):
        return "a line goes on only after an operator: put && and || at the end of the line"
    return EXAMPLE


def unquoted(token: str) -> str:
    """Return the text of a string.

    Raises:
        RuleSyntaxError: it has an escape that Go refuses.
    """
    if token[0] == "`":
        return token[1:-1].replace("\r", "")
    return _ESCAPED.sub(_unescaped, token[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    """Return the character of an escape; a byte that is no character of its own is replaced."""
    escape = found.group()[1:]
    if escape in _SIMPLE_ESCAPES:
        return chr(_SIMPLE_ESCAPES[escape])
    code = int(escape, 8) if escape[0].isdigit() else int(escape[1:], 16)
    is_byte = escape[0] not in "uU"
    if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        raise RuleSyntaxError(f"no character has the escape \\{escape}")
    return "\ufffd" if is_byte and code > 127 else chr(code)
