"""Whether a router's rule matches requests for a host name: yes, no, or only some of them.

The rule was checked by `rule`, so it is only evaluated here.  What depends on more than the host
name, such as a path or a header, is not known: the result is None then, unless the rest decides.

    rule = and { "||" and }        and = not { "&&" not }
    not  = "!" not | "(" rule ")" | matcher
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Match = bool | None  # None: it depends on more than the host name
Matcher = Callable[[str, Sequence[str]], Match]  # of a matcher's name in lower case and its values

_TOKEN = re.compile(r"""`[^`]*`|"[^"]*"|[A-Za-z]+|&&|\|\||[!(),]""")


def evaluate(rule: str, matcher: Matcher) -> Match:
    """Return whether `rule` matches."""
    parser = _Parser(_TOKEN.findall(rule), matcher)
    return parser.any_of() if parser.tokens else None


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

    def any_of(self) -> Match:
        found = [self._all_of()]
        while self._peek() == "||":
            self._next()
            found.append(self._all_of())
        return _any(found)

    def _all_of(self) -> Match:
        found = [self._operand()]
        while self._peek() == "&&":
            self._next()
            found.append(self._operand())
        return _not(_any([_not(one) for one in found]))

    def _operand(self) -> Match:
        word = self._next()
        if word == "!":
            return _not(self._operand())
        if word == "(":
            found = self.any_of()
            self._next()
            return found
        return self._matcher(word.lower(), self._values())

    def _values(self) -> list[str]:
        values: list[str] = []
        self._next()
        while (word := self._next()) not in {")", ""}:
            if word != ",":
                values.append(word[1:-1])
        return values


def _any(found: Sequence[Match]) -> Match:
    if any(found):
        return True
    return None if None in found else False


def _not(match: Match) -> Match:
    return None if match is None else not match
