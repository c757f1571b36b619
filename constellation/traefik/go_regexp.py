"""Checks regular expressions as Go does (package regexp/syntax, with Perl's extensions).

Traefik leaves an element out whose expression Go cannot compile.  Deviations: the name of a Unicode
class is not checked, and an expression has at most `CHARACTERS_MAX` characters.
"""

from __future__ import annotations

import re

CHARACTERS_MAX = 4096
NESTING_MAX = 200
REPEAT_MAX = 1000  # of one count, and of the product of nested ones

_REPEAT = re.compile(r"[*+?]|\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*|))?\}")
_GROUP = re.compile(r"\?(?:P?<([^>]*)>|([a-zA-Z]*)(-[a-zA-Z]*)?([:)]))")
_FLAGS = frozenset("imsU")
# After a backslash.  `\Q` and `\E` are dealt with apart, and `\1` to `\9` refer to groups, which Go
# does not have.
_ESCAPED = re.compile(
    r"0[0-7]{0,2}|[1-7][0-7]{1,2}|x[0-9A-Fa-f]{2}|x\{0*[0-9A-Fa-f]{1,6}\}|[afnrtv]"
    r"|[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"
)
_CLASS = re.compile(r"[dDsSwW]|[pP](?:[A-Za-z]|\{\^?[A-Za-z_ -]+\})")
_POSIX = re.compile(
    r"\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word"
    r"|xdigit):\]"
)


def regexp_fault(text: str) -> str:
    """Return why Go cannot compile `text`; empty: it can."""
    if len(text) > CHARACTERS_MAX:
        return f"it has {len(text)} characters, the limit is {CHARACTERS_MAX}"
    try:
        _Parser(text).parse()
    except _FaultError as fault:
        return str(fault)
    return ""


class _FaultError(ValueError):
    """Go cannot compile the expression."""


class _Parser:
    """Recursive descent.  What is parsed has a weight: the product of its nested counts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._names: set[str] = set()

    def parse(self) -> None:
        self._alternatives(0)
        if self._position < len(self._text):
            raise _FaultError("a closing parenthesis is not opened")

    def _alternatives(self, depth: int) -> int:
        """Parse up to a closing parenthesis, or to the end; return the weight."""
        if depth > NESTING_MAX:
            raise _FaultError(f"it is nested deeper than {NESTING_MAX} levels")
        heaviest, weight = 1, 0  # 0: there is nothing to repeat
        was_repeat = False
        while self._position < len(self._text) and self._text[self._position] != ")":
            if repeat := _REPEAT.match(self._text, self._position):
                weight = self._repeated(repeat, weight, after_repeat=was_repeat)
                was_repeat = True
            elif self._taken("|"):
                weight, was_repeat = 0, False
            else:
                weight, was_repeat = self._operand(depth, weight), False
            heaviest = max(heaviest, weight)
        return heaviest

    def _repeated(self, repeat: re.Match[str], weight: int, *, after_repeat: bool) -> int:
        if not weight:
            raise _FaultError(f"nothing is before {repeat.group()!r}")
        if after_repeat:
            raise _FaultError(f"{repeat.group()!r} repeats a repetition")
        self._position = repeat.end()
        self._taken("?")  # as few as possible
        if not repeat[1]:
            return weight
        least, most = int(repeat[1]), int(repeat[3] or repeat[1])
        if most < least or most > REPEAT_MAX or weight * max(least, most, 1) > REPEAT_MAX:
            raise _FaultError(f"the count {repeat.group()} is not valid")
        return weight * max(least, most, 1)

    def _operand(self, depth: int, before: int) -> int:
        """Parse one character, class or group; return its weight, or `before` if it has none."""
        if self._taken("("):
            return self._group(depth, before)
        if self._taken("["):
            self._bracket()
        elif self._taken("\\Q"):
            end = self._text.find("\\E", self._position)
            is_empty = end == self._position
            self._position = len(self._text) if end < 0 else end + 2
            return before if is_empty else 1
        elif self._taken("\\"):
            if not (self._skipped(_CLASS) or self._taken_one_of("AbBz")):
                self._escaped()
        else:
            self._position += 1
        return 1

    def _group(self, depth: int, before: int) -> int:
        if self._text.startswith("?", self._position):
            group = _GROUP.match(self._text, self._position)
            if group is None:
                raise _FaultError("a group that starts so is unknown in Go")
            self._check_group(group)
            self._position = group.end()
            if group[4] == ")":
                return before  # flags for what follows
        weight = self._alternatives(depth + 1)
        if not self._taken(")"):
            raise _FaultError("a parenthesis is not closed")
        return weight

    def _check_group(self, group: re.Match[str]) -> None:
        name, flags, off, _ = group.groups()
        if name is None:
            if not set(flags + (off or "-")[1:]) <= _FLAGS or off == "-":
                raise _FaultError("a group that starts so is unknown in Go")
            return
        if not re.fullmatch(r"[A-Za-z0-9_]+", name) or name in self._names:
            raise _FaultError(f"the name {name[:64]!r} of a group is not valid, or used twice")
        self._names.add(name)

    def _bracket(self) -> None:
        self._taken("^")
        is_first = True
        while is_first or not self._taken("]"):
            is_first = False
            if self._skipped(_POSIX):
                continue
            if self._text.startswith("[:", self._position) and ":]" in self._text[self._position :]:
                raise _FaultError("a class in it is unknown")
            if self._taken("\\"):
                if self._skipped(_CLASS):
                    continue
                self._position -= 1
            low = self._character()
            if self._text.startswith("-", self._position) and not self._text.startswith(
                "-]", self._position
            ):
                self._position += 1
                if self._character() < low:
                    raise _FaultError("a range in brackets is the wrong way round")

    def _character(self) -> str:
        """Parse one character in brackets, and return it."""
        if self._position >= len(self._text):
            raise _FaultError("a bracket is not closed")
        if self._taken("\\"):
            return self._escaped()
        self._position += 1
        return self._text[self._position - 1]

    def _escaped(self) -> str:
        found = _ESCAPED.match(self._text, self._position)
        if found is None:
            shown = self._text[self._position : self._position + 1]
            raise _FaultError(f"the escape \\{shown} is unknown in Go")
        self._position = found.end()
        return _character_of(found.group())

    def _taken(self, text: str) -> bool:
        is_there = self._text.startswith(text, self._position)
        self._position += len(text) if is_there else 0
        return is_there

    def _taken_one_of(self, characters: str) -> bool:
        return any(self._taken(one) for one in characters)

    def _skipped(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self._text, self._position)
        self._position = found.end() if found else self._position
        return found is not None


def _character_of(escape: str) -> str:
    """Return the character that an escape stands for."""
    if escape[0] in "01234567":
        return chr(int(escape, 8))
    if escape[0] == "x":
        code = int(escape[1:].strip("{}"), 16)
        if code > 0x10FFFF:
            raise _FaultError(f"no character has the number {escape[1:]}")
        return chr(code)
    return {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}.get(escape, escape)
