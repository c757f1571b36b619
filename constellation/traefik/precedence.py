"""Which routers get the requests for a host name, and which others come before them.

Traefik tries the routers of an entry point by priority; without one it is the length of the rule.
Routers with TLS and those without never get the same request.  A router whose rule matches every
request for the host takes all that is left, so those after it get none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from constellation.traefik.elements import AGENT, ElementKey
from constellation.traefik.routers import rule_as_written
from constellation.traefik.rule_match import Match, evaluate
from constellation.value import Value

# Python's matching backtracks and may take exponential time, Go's does not.  So only patterns that
# are always fast are tried: with few alternatives, and without nested repetition.
PATTERNS_TRIED_MAX = 256
_ATOM = re.compile(r"\\.|\[(?:\\.|[^\]])+\]")
# In a set of characters, what a later Python may read as an operation on sets.
_SET_OPERATION = re.compile(r"\[\^?\[|--|&&|~~|\|\|")
_REPEATED_GROUP = re.compile(r"\)[*+?{]")
_REPEAT = re.compile(r"[*+{]|(?<!\()\?")
_REPEATS_MAX, _ALTERNATIVES_MAX, _GROUPS_MAX = 2, 3, 16
_NAMES_HOST = re.compile(r"(?i)\bhost(?:sni)?(?:regexp)?\s*\(")

# What lets a rule match hosts that are not in its text: no host, a pattern, a negation, an "or", or
# an escape.
_MATCHES_UNNAMED = re.compile(r"(?is)^(?!.*\bhost(?:sni)?\s*\()|regexp\s*\(|[!*\\\r]|\|\|")

Routers = Iterable[tuple[ElementKey, Mapping[str, Any]]]


class Candidate(Value):
    """A router that matches the host name.

    Attributes:
        is_whole: its rule matches every request for the host, not only some.
        names_host: the rule names host names; otherwise it matches any.
        before: the router that gets all its requests; None: it gets some.
        rival: a router of the same priority that gets the same requests; Traefik chooses one.
    """

    key: ElementKey
    is_whole: bool
    names_host: bool
    before: ElementKey | None = None
    rival: ElementKey | None = None


class HostMatcher:
    """Finds the routers for one host name."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._tried_count = 0
        self.untried_count = 0  # rules with a regular expression that Python cannot try, or slowly

    def candidates(self, routers: Routers) -> list[Candidate]:
        """Return the routers that match, in the order in which Traefik tries them."""
        found: list[tuple[int, ElementKey, Mapping[str, Any], bool]] = []
        for key, config in routers:
            rule = str(config.get("rule", ""))
            names_host = _NAMES_HOST.search(rule) is not None
            if key.origin.writer == AGENT.writer or (key.protocol != "http" and not names_host):
                continue
            match = self._match(rule)
            if match is not False:
                found.append((priority_of(config), key, config, match is True))
        found.sort(key=lambda one: (one[1].protocol, -one[0], one[1].body_name))
        return _in_order(found)

    def _match(self, rule: str) -> Match:
        written = rule_as_written(rule)
        if _MATCHES_UNNAMED.search(written) is None and self._host not in written.lower():
            return False  # nearly every rule in a large cluster: not worth evaluating
        return evaluate(written, self._matches)

    def _matches(self, name: str, values: Sequence[str]) -> Match:
        match name:
            case "host" | "hostsni":
                return any(_is_host(value.lower(), self._host) for value in values)
            case "hostregexp" | "hostsniregexp":
                return any(map(self._search, values))
            case "pathprefix":
                return True if "/" in values else None
            case _:
                return None

    def _search(self, pattern: str) -> bool:
        """Return whether a regular expression that was checked before matches the host."""
        if self._tried_count >= PATTERNS_TRIED_MAX or not is_quick(pattern):
            self.untried_count += 1
            return False
        self._tried_count += 1
        return re.search(pattern, self._host) is not None


def priority_of(config: Mapping[str, Any]) -> int:
    """Return the priority of a router, as Traefik compares them."""
    return int(config.get("priority") or len(str(config.get("rule", "")).encode()))


def _is_host(value: str, host: str) -> bool:
    if value == "*":
        return True
    if value.startswith("*."):
        label, _, rest = host.partition(".")
        return bool(label) and rest == value[2:]
    return value.rstrip(".") == host


@lru_cache(maxsize=PATTERNS_TRIED_MAX)
def is_quick(pattern: str) -> bool:
    """Return whether Python knows a regular expression of Go, and matches it in linear time."""
    bare = _ATOM.sub("x", pattern)
    return (
        not _SET_OPERATION.search(pattern)
        and not _REPEATED_GROUP.search(bare)
        and len(_REPEAT.findall(bare)) <= _REPEATS_MAX
        and bare.count("|") <= _ALTERNATIVES_MAX
        and bare.count("(") <= _GROUPS_MAX
        and _is_known(pattern)
    )


def _is_known(pattern: str) -> bool:
    """Return whether Python compiles it: it knows no `(?U)` or `(?<n>a)`, for example."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError):
        return False
    return True


def _in_order(
    found: Sequence[tuple[int, ElementKey, Mapping[str, Any], bool]],
) -> list[Candidate]:
    winners: dict[tuple[str, str, bool], tuple[int, ElementKey]] = {}
    candidates: list[Candidate] = []
    for priority, key, config, is_whole in found:
        groups = [
            (key.protocol, entry_point, "tls" in config)
            for entry_point in config.get("entryPoints") or ("",)
        ]
        earlier = [winners[group] for group in groups if group in winners]
        others = [one for one in earlier if one[1]._replace(variant="") != key._replace(variant="")]
        is_last = len(others) == len(groups)
        lost = [winner for won, winner in others if won > priority]
        tied = [winner for won, winner in others if won == priority]
        names_host = _NAMES_HOST.search(str(config.get("rule", ""))) is not None
        before = lost[0] if is_last and lost and not tied else None
        rival = tied[0] if is_whole and tied else None
        candidates.append(Candidate(key, is_whole, names_host, before, rival))
        if is_whole:
            for group in groups:
                winners.setdefault(group, (priority, key))
    return candidates
