"""What this process has just written, in place of a list that does not show it yet.

A list that follows a change within seconds may be answered from before it.  Without this the writer
would do the same again, and be told that the record exists.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.value import Value
from messages.dns_calls import DnsChange, DnsRecord

REMEMBERED_S = 10.0


class _Write(Value):
    """One record that was written: how a list from before it shows the record, and after it."""

    at_s: float
    before: DnsRecord | None  # None: it was created
    after: DnsRecord | None  # None: it was deleted


class Consistency:
    """The records that were written a moment ago, by id.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._writes: dict[str, _Write] = {}

    def wrote(self, change: DnsChange, records: Iterable[DnsRecord], now_s: float) -> None:
        """Note a change that was carried out, with the records that resulted from it."""
        self._forget(now_s)
        listed = [one.before for one in change.deletes] + [one.before for one in change.updates]
        before = {one.id: one for one in listed}
        after = {one.id: one for one in records}
        for record_id in before.keys() | after.keys():
            write = _Write(now_s, before.get(record_id), after.get(record_id))
            self._writes[record_id] = write

    def corrected(self, listed: Iterable[DnsRecord], now_s: float) -> tuple[DnsRecord, ...]:
        """Return a list with what was written a moment ago; what others did since then stays."""
        self._forget(now_s)
        found = {record.id: record for record in listed}
        for record_id, write in self._writes.items():
            if found.get(record_id) != write.before:
                continue  # the list is from after the write
            if write.after is None:
                del found[record_id]
            else:
                found[record_id] = write.after
        return tuple(found.values())

    def _forget(self, now_s: float) -> None:
        self._writes = {
            record_id: write
            for record_id, write in self._writes.items()
            if now_s < write.at_s + REMEMBERED_S
        }
