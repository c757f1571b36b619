"""What an operator is told who asks for the records, if there is no answer."""

from __future__ import annotations

from messages.operator import RequestRefused

ANSWER_TIMEOUT_S = 12.0  # of the node that writes; its provider may be slow
_WHAT = "the records of the cluster are not known"

NOBODY_WRITES = RequestRefused(
    what=_WHAT,
    why="no node holds the lease dns-writer",
    fix="`constellation leases` and `constellation raft` show why",
)
TOO_MANY = RequestRefused(
    what=_WHAT,
    why="too many commands wait for an answer already",
    fix="retry in some seconds",
)


def silent(writer: str) -> RequestRefused:
    """Return the refusal if the node that writes does not answer."""
    return RequestRefused(
        what=_WHAT,
        why=f"{writer}, which writes them, did not answer within {ANSWER_TIMEOUT_S:g} s",
        fix=f"run this command on {writer}, or retry in some seconds",
    )
