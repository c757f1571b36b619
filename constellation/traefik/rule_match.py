"""Whether a router's rule matches requests for a host name: yes, no, or only some of them.

The rule was checked by `rule`, so it is only evaluated here; one that cannot be parsed is not
known.  What depends on more than the host
name, such as a path or a header, is not known: the result is None then, unless the rest decides.

    rule = and { "||" and }        and = not { "&&" not }
    not  = "!" not | "(" rule ")" | matcher
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from constellation.traefik.rule_tokens import NESTING_MAX, RuleSyntaxError, tokens_of, unquoted

Match = bool | None  # None: it depends on more than the host name
Matcher = Callable[[str, Sequence[str]], Match]  # of a matcher's name in lower case and its values

# Nearly all rules have neither escapes nor comments, and are read faster.
_SPECIAL = re.compile(r"[\"\r]|/[/*]")
_TOKEN = re.compile(r"`[^`]*`|[A-Za-z]+|&&|\|\||[!(),]")
_SIMPLE = re.compile(r"Host\(`([^`*\r]+)`\)(?: && PathPrefix\(`[^`]*`\))?")
_NAMING = frozenset({"host", "hostsni"})


class NamedHosts(NamedTuple):
    """The hosts that a rule names, in lower case; `is_open`: it could match others as well."""

    hosts: tuple[str, ...]
    is_open: bool


def evaluate(rule: str, matcher: Matcher) -> Match:
    """Return whether `rule` matches."""
    try:
        tokens = tokens_of(rule) if _SPECIAL.search(rule) else _TOKEN.findall(rule)
        return _Parser(tokens, matcher).any_of() if tokens else None
    except RuleSyntaxError:
        return None


def named_hosts(rule: str) -> NamedHosts:
    """Return the hosts that a rule names, other than by a pattern."""
    if simple := _SIMPLE.fullmatch(rule):
        return NamedHosts((simple[1].lower().rstrip("."),), is_open=False)
    hosts: list[str] = []

    def matcher(name: str, values: Sequence[str]) -> Match:
        if name not in _NAMING:
            return True
        hosts.extend(value.lower().rstrip(".") for value in values)
        return False if values else None

    # Open, if it matches although it matches none of the hosts that it names.
    is_open = evaluate(rule, matcher) is not False
    literal = tuple(host for host in hosts if "*" not in host)
    return NamedHosts(literal, is_open or len(literal) < len(hosts))


class _Parser:
    def __init__(self, tokens: list[str], matcher: Matcher) -> None:
        self.tokens = tokens
        self._matcher = matcher
        self._position = 0

    def _peek(self) -> str:
        return self.tokens[self._position] if self._position < len(self.tokens) else ""

    def _next(self) -> str:
        word = self._peek()
        self._position += 1
        return word

    def any_of(self, depth: int = 0) -> Match:
        if depth > NESTING_MAX:
            raise RuleSyntaxError(f"it is nested deeper than {NESTING_MAX} levels")
        found = [self._all_of(depth)]
        while self._peek() == "||":
            self._next()
            found.append(self._all_of(depth))
        return _any(found)

    def _all_of(self, depth: int) -> Match:
        found = [self._operand(depth)]
        while self._peek() == "&&":
            self._next()
            found.append(self._operand(depth))
        return _not(_any([_not(one) for one in found]))

    def _operand(self, depth: int) -> Match:
        is_negated = False
        while self._peek() == "!":  # of which a label may have thousands
            self._next()
            is_negated = not is_negated
        found = self._positive(depth)
        return _not(found) if is_negated else found

    def _positive(self, depth: int) -> Match:
        word = self._next()
        if word == "(":
            found = self.any_of(depth + 1)
            self._next()
            return found
        return self._matcher(word.lower(), self._values())

    def _values(self) -> list[str]:
        values: list[str] = []
        self._next()
        while (word := self._next()) not in {")", ""}:
            if word != ",":
                values.append(unquoted(word))
        return values


def _any(found: Sequence[Match]) -> Match:
    if any(found):
        return True
    return None if None in found else False


def _not(match: Match) -> Match:
    return None if match is None else not match
