"""One problem or note, and the area that it belongs to."""

from __future__ import annotations

from typing import Literal

from constellation.value import Value

Area = Literal["cluster", "node", "service", "route", "raft", "lease", "actor", "host"]


class Problem(Value):
    """What is wrong, why, and what to do, in one sentence for people."""

    area: Area
    text: str


def because(what: str, why: str, fix: str) -> str:
    """Return "what: why; fix", without what is empty."""
    reasons = "; ".join(text for text in (why, fix) if text)
    return f"{what}: {reasons}" if reasons else what
