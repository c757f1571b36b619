"""The differences of both sides for one set-up, as short lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.traefik.compatibility.normal import Routes, differences
from tests.traefik.compatibility.rig import Sides
from tests.traefik.compatibility.setups import Setup, owner
from tests.traefik.compatibility.table import SETUPS


def part(routes: Routes, name: str) -> Routes:
    """Return what belongs to one set-up; of an empty name, what belongs to none.

    What Traefik itself disables is as good as absent.
    """
    owned = {
        kind: {
            called: one
            for called, one in found.items()
            if owner(called, SETUPS) == name and one.get("status") != "disabled"
        }
        for kind, found in routes.items()
    }
    return {kind: found for kind, found in owned.items() if found}


def found_differences(sides: Sides, setup: Setup) -> list[str]:
    """Return how the elements differ, and then what requests get: Traefik's | the agent's."""
    theirs, ours = part(sides.theirs, setup.name), part(sides.ours, setup.name)
    return [*_of_elements(theirs, ours), *_of_requests(sides, setup)]


def details(sides: Sides, setup: Setup) -> Iterator[str]:
    """Yield what explains the differences: whole elements, and what the agent rejected."""
    yield differences(part(sides.theirs, setup.name), part(sides.ours, setup.name))
    for found in rejected_of(sides, setup):
        kind = "warned" if found.get("is_sent") else "rejected"
        yield f"{kind} {found['label'] or found['service']}: {found['reason']}; {found['remedy']}"


def rejected_of(sides: Sides, setup: Setup) -> list[dict[str, Any]]:
    """Return what the agent lists of the containers of a set-up."""
    return [found for found in sides.rejected if owner(found["service"], SETUPS) == setup.name]


def _of_elements(theirs: Routes, ours: Routes) -> Iterator[str]:
    for kind in sorted({*theirs, *ours}):
        left, right = theirs.get(kind, {}), ours.get(kind, {})
        for name in sorted({*left, *right}):
            if name not in right:
                yield f"{kind} {name}: only Traefik"
            elif name not in left:
                yield f"{kind} {name}: only the agent"
            else:
                yield from _of_keys(f"{kind} {name}", left[name], right[name])


def _of_keys(what: str, left: dict[str, Any], right: dict[str, Any]) -> Iterator[str]:
    if keys := [key for key in sorted({*left, *right}) if left.get(key) != right.get(key)]:
        yield f"{what}: {', '.join(keys)} differ"


def _of_requests(sides: Sides, setup: Setup) -> Iterator[str]:
    ours = sides.our_answers[setup.name]
    for text, answers in sides.their_answers[setup.name].items():
        if difference := answers.difference(ours[text]):
            yield f"{text}: {difference}"
