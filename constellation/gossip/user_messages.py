"""The user messages of one packet, with one limit for all of them together.

A packet of a Constellation node holds a few records, and sometimes a statement.  A hostile packet
could hold a thousand messages that each inflate to megabytes or require a digest of the whole
state.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.errors import WireError
from constellation.gossip import record_codec, sameness
from constellation.gossip.packets import INFLATED_BYTES_MAX
from constellation.gossip.record_codec import SignedRecord
from constellation.value import Value


class UserMessages(Value):
    """The content of the user messages of one packet, and the reasons for refusals."""

    records: tuple[SignedRecord, ...]
    statement: bytes | None
    refused: tuple[str, ...]


def unpack_user_messages(bodies: Iterable[bytes]) -> UserMessages:
    """Return all records and the first statement in `bodies`."""
    records: list[SignedRecord] = []
    refused: list[str] = []
    statement: bytes | None = None
    room = INFLATED_BYTES_MAX
    for body in bodies:
        if body[:1] < bytes([record_codec.RECORDS_PLAIN]):
            continue  # of Serf
        if body[0] in (sameness.QUESTION, sameness.ANSWER):
            statement = statement or body
            continue
        try:
            plain = record_codec.inflated(body, bytes_max=room)
            room -= len(plain)
            records += record_codec.unpack_records(plain)
        except WireError as error:
            refused.append(error.reason)
            if error.reason == "unknown_user":
                continue  # of a later version
            break  # after one such message the rest is not trusted either
    return UserMessages(tuple(records), statement, tuple(refused))
