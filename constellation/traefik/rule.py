"""Checks router rules (Traefik documentation, "Rules & Priority", v3).

A rule that Traefik cannot parse disables its router, and Traefik logs an error at every change of
the configuration.  One that never matches answers 404, and Traefik says nothing.  So rules are
parsed here first.  Traefik reads a rule as an expression of Go:

    rule   = and { "||" and }        and  = not { "&&" not }
    not    = "!" not | "(" rule ")" | matcher "(" string { "," string } [ "," ] ")"
    string = "`" ... "`" | '"' ... '"', with the escapes of Go

Matchers may also be written in lower or upper case only, or with a capital first letter only.  A
line break is allowed except after a value or a closing parenthesis.  One wrong half of `||`
disables the router in Traefik too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from constellation.near_names import nearest
from constellation.traefik.rule_matchers import (
    FORMER_MATCHERS,
    HTTP_MATCHERS,
    HTTP_MATCHERS_V2,
    TCP_MATCHERS,
    TCP_MATCHERS_V2,
    Matcher,
    each_value,
)
from constellation.traefik.rule_tokens import (
    EXAMPLE,
    NESTING_MAX,
    RuleSyntaxError,
    tokens_of,
    unquoted,
)
from constellation.traefik.schema.kinds import Fault

RULE_CHARACTERS_MAX = 4096
FAULTS_MAX = 16
_NO_VALUE = (
    "give it a value; on a command line write the label in single quotes, because a shell runs "
    "what is in backticks"
)


def http_rule_faults(rule: str, *, is_v2: bool = False) -> list[Fault]:
    """Return everything that is wrong with the rule of an HTTP router.

    `is_v2`: Traefik reads it in the syntax of version 2, because the router's option says so.
    """
    return _faults(rule, HTTP_MATCHERS_V2 if is_v2 else HTTP_MATCHERS, TCP_MATCHERS)


def tcp_rule_faults(rule: str, *, has_tls: bool, is_v2: bool = False) -> list[Fault]:
    """Return everything that is wrong with the rule of a TCP router.

    Without TLS a client sends no host name, so Traefik refuses a rule that asks for one.
    """
    if not rule:
        remedy = "add the option rule, e.g. HostSNI(`*`)"
        return [Fault("it has no rule, which a TCP router needs", remedy)]
    faults = _faults(rule, TCP_MATCHERS_V2 if is_v2 else TCP_MATCHERS, HTTP_MATCHERS)
    first = _HOST_SNI_NAME.search(rule)  # Traefik looks at the first one only
    if not has_tls and first is not None and first[1] != "*":
        reason = "HostSNI with a name needs TLS on the router"
        faults.append(Fault(reason, "add tls=true to the router, or use HostSNI(`*`)"))
    return faults


def _faults(
    rule: str, matchers: Mapping[str, Matcher], others: Mapping[str, Matcher]
) -> list[Fault]:
    if len(rule) > RULE_CHARACTERS_MAX:
        reason = f"it has {len(rule)} characters, the limit is {RULE_CHARACTERS_MAX}"
        return [Fault(reason, "write several routers")]
    try:
        parser = _Parser(tokens_of(rule), matchers, others)
        parser.parse()
    except RuleSyntaxError as error:
        return [error.fault]
    return list(dict.fromkeys(parser.faults))[:FAULTS_MAX]


def _joint(found: str) -> str:
    joints = {"and": "write &&", "or": "write ||", "not": "write !"}
    return joints.get(found.lower(), "join matchers with && or ||")


class _Parser:
    """Recursive descent over the tokens of one rule; faults of matchers do not end it."""

    def __init__(
        self, tokens: list[str], matchers: Mapping[str, Matcher], others: Mapping[str, Matcher]
    ) -> None:
        self.tokens = tokens
        self.position = 0
        self.faults: list[Fault] = []
        self._matchers = matchers
        self._others = others

    def parse(self) -> None:
        self.alternatives(0)
        if self.position < len(self.tokens):
            found = self.peek()
            raise RuleSyntaxError(f"unexpected {found[:64]} after its end", _joint(found))

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else "its end"

    def next_token(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def expect(self, mark: str) -> None:
        if (found := self.next_token()) != mark:
            if mark == ")" and self.position > len(self.tokens):
                raise RuleSyntaxError("a ')' is missing at its end", "add it")
            raise RuleSyntaxError(f"{mark!r} expected, found {found[:64]}")

    def alternatives(self, depth: int) -> None:
        if depth > NESTING_MAX:
            raise RuleSyntaxError(f"it is nested deeper than {NESTING_MAX} levels")
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
        self.expect("(")
        values: list[str] = []
        while self.peek() != ")":
            values.append(self.value(name))
            if self.peek() != ",":
                break
            self.next_token()
        self.expect(")")
        right = _SPELLINGS.get(name, name)
        matcher = self._matchers.get(right)
        if matcher is None:
            self.faults.append(self._unknown(name, values))
        else:
            self.faults += _value_faults(right, matcher, values)

    def value(self, name: str) -> str:
        token = self.next_token()
        if token[0] not in '`"':
            remedy = f"write {name[:64]}(`{token[:64]}`)" if token.isalnum() else EXAMPLE
            raise RuleSyntaxError(f"{name[:64]} needs a value in backticks", remedy)
        return unquoted(token)

    def _unknown(self, name: str, values: list[str]) -> Fault:
        known = ", ".join(self._matchers)
        reason = f"Traefik has no matcher {name[:64]} here"
        if former := FORMER_MATCHERS.get(name.lower()):
            return Fault(f"Traefik 3 has no matcher {name[:64]}", f"write {former}")
        if other := nearest(name, (*self._matchers, *self._others)):
            if other in self._matchers:
                value = f"(`{values[0][:64]}`)" if len(values) == 1 else ""
                return Fault(reason, f"did you mean {other}{value}?")
            return Fault(f"{reason}: it is one of {_kind(self._others)}", f"use one of {known}")
        return Fault(reason, f"use one of {known}")


def _kind(matchers: Mapping[str, Matcher]) -> str:
    return "TCP routers" if matchers is TCP_MATCHERS else "HTTP routers"


def _value_faults(name: str, matcher: Matcher, values: list[str]) -> list[Fault]:
    most = len(matcher.values)
    if "" in values:
        return [Fault(f"{name} has an empty value", "give it a value")]
    together = matcher.check(values) if values else None
    checks = matcher.values
    if matcher.takes_more and values:
        checks = (*checks, *checks[-1:] * (len(values) - most))
    if not len(checks) - matcher.optional <= len(values) <= len(checks):
        reason = f"{name} takes {most} value{'s' if most > 1 else ''}, found {len(values)}"
        if not values:
            return [Fault(reason, _NO_VALUE)]
        remedy = f"write {each_value(name, values)}" if most == 1 else EXAMPLE
        return [Fault(reason, together.remedy if together else remedy)]
    if together:
        return [together]
    found = (check(value) for check, value in zip(checks, values, strict=False))
    return [fault for fault in found if fault is not None]


def _spellings(name: str) -> tuple[str, ...]:
    return name, name.lower(), name.upper(), name.capitalize()


_HOST_SNI_NAME = re.compile(r"(?<!!)\bHostSNI\s*\(\s*[`\"]([^`\"]*)", re.IGNORECASE)
_SPELLINGS = {
    spelt: right for right in (*HTTP_MATCHERS, *TCP_MATCHERS) for spelt in _spellings(right)
}
