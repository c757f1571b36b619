"""Which of several containers with one instance name represents the instance.

Docker Compose creates the next container while the previous one still exists, and a renamed
container keeps its old name until it has been inspected.
"""

from __future__ import annotations

from collections.abc import Mapping

from messages.monitor import ServiceObservation


def winning_claim(
    claims: Mapping[str, ServiceObservation], holder: str | None
) -> ServiceObservation | None:
    """Return the winning claim; None if there are no claims.  Keys are containers.

    A running container precedes a stopped one.  Of several running ones the holder keeps the name,
    so that two never alternate; without a holder the one deployed first gets it.  A draining one
    yields to one that is not draining: its replacement.  Of several stopped ones the one deployed
    last gets the name: it replaces the others.
    """
    running = [claim for claim in claims.values() if claim.running]
    running = [claim for claim in running if not claim.draining] or running
    for claim in running:
        if claim.instance == holder:
            return claim
    if running:
        return min(running, key=lambda claim: (claim.created_at_utc_s, claim.instance))
    return max(
        claims.values(), key=lambda claim: (claim.created_at_utc_s, claim.instance), default=None
    )
