"""The little of Serf's own protocol that a guest in a pool of Serf agents must speak."""

from __future__ import annotations

from constellation.gossip.fields import pack_map

LEAVE_INTENT = 0
SERF_VERSIONS = bytes([1, 5, 2, 2, 5, 5])  # of the protocols in a pool of Serf agents


def leave_intent(node: str, lamport_time: int) -> bytes:
    """Return the user message without which Serf shows a leave as a failure.

    `lamport_time` must be above the one at which `node` joined, or it is ignored.
    """
    fields = {"LTime": lamport_time, "Node": node, "Prune": False}
    return bytes([LEAVE_INTENT]) + pack_map(fields)
