"""Where the agent differs from Traefik's Docker provider on purpose, and why.

The lines are those of `comparison`: an element that only one of both has, or that differs, and a
request with what it gets from Traefik's provider | from the agent.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """The differences of one set-up, and the decision or the rule that they follow from."""

    why: str
    lines: tuple[str, ...]


AS_TRAEFIK = Expected("", ())
NOT_LISTED: frozenset[str] = frozenset()
EXPECTED: dict[str, Expected] = {}
