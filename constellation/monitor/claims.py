"""Which of several instances with one service name on one node speaks for it."""

from __future__ import annotations

from collections.abc import Mapping

from messages.monitor import ServiceObservation


def winning_claim(
    claims: Mapping[str, ServiceObservation], holder: str | None
) -> ServiceObservation | None:
    """Return the claim that counts; None if there is none.  Keys are instances.

    A running one comes before one that is not.  Among running ones the holder keeps the name,
    so that two of them never take turns; without a holder the one deployed first has it.  One that
    was asked to stop gives way to one that was not: that is its replacement.
    Among those that do not run the one deployed last has it: it is the others' replacement.
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
