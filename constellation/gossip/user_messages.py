"""The user messages of one packet, of which all together may hold no more than one packet may.

A packet of ours holds some records, and seldom a statement.  But a hostile one could hold a
thousand messages that each inflate to megabytes, or call for a look at the whole state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from constellation.errors import WireError
from constellation.gossip import record_codec, sameness
from constellation.gossip.packets import INFLATED_BYTES_MAX
from constellation.gossip.record_codec import SignedRecord


@dataclass(frozen=True, slots=True)
class UserMessages:
    """What the user messages of one packet hold, and why some of them were refused."""

    records: tuple[SignedRecord, ...]
    statement: bytes | None
    refused: tuple[str, ...]


def unpack_user_messages(bodies: Iterable[bytes]) -> UserMessages:
    """Return what `bodies` hold: all records and the first statement."""
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
            break  # whoever has packed one so has packed them all
    return UserMessages(tuple(records), statement, tuple(refused))
