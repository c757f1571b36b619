"""The part of Serf's own protocol that a guest in a pool of Serf agents must speak."""

from __future__ import annotations

from constellation.gossip.fields import pack_map

LEAVE_INTENT = 0
SERF_VERSIONS = bytes([1, 5, 2, 2, 5, 5])  # of the protocols in a pool of Serf agents


def leave_intent(node: str, lamport_time: int) -> bytes:
    """Return the user message that makes Serf show a leave as a leave and not as a failure.

    `lamport_time` must be above that of the join of `node`, or Serf ignores it.
    """
    fields = {"LTime": lamport_time, "Node": node, "Prune": False}
    return bytes([LEAVE_INTENT]) + pack_map(fields)
