"""Which known name was meant by one that is spelled almost like it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKENESS_MIN = 0.6
COMPARED_CHARACTERS_MAX = 128  # the cost grows with the square of the length


def nearest(name: str, known: Iterable[str], likeness_min: float = LIKENESS_MIN) -> str:
    """Return the name in `known` that is most similar to `name` in any case; empty: none is.

    `likeness_min`: the least likeness, from 0 to 1, which is for equal names.
    """
    return next(iter(similar(name, known, 1, likeness_min)), "")


def similar(
    name: str, known: Iterable[str], count_max: int, likeness_min: float = LIKENESS_MIN
) -> list[str]:
    """Return up to `count_max` names in `known` that are similar to `name`, the nearest first."""
    # Sorted, so that of two equally similar names every process returns the same.
    by_lower = {one.lower(): one for one in sorted(known)}
    wanted = name.lower()[:COMPARED_CHARACTERS_MAX]
    found = difflib.get_close_matches(wanted, list(by_lower), n=count_max, cutoff=likeness_min)
    return [by_lower[one] for one in found]


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return a remedy that names the nearest known name, or `otherwise` if none is near."""
    near = nearest(name, known)
    return f"did you mean {near}?" if near else otherwise
