"""What this process has just written, in place of a list that does not show it yet.

A list that follows a change within seconds may be answered from before it.  Without this the writer
would do the same again, and be told that the record exists.
"""

from __future__ import annotations

from collections.abc import Iterable

from messages.dns_calls import DnsChange, DnsRecord

REMEMBERED_S = 10.0


class Consistency:
    """The records that were written a moment ago, by id.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[float, DnsRecord | None]] = {}  # None: deleted

    def wrote(self, change: DnsChange, records: Iterable[DnsRecord], now_s: float) -> None:
        """Note a change that was carried out, with the records that resulted from it."""
        self._forget(now_s)
        for delete in change.deletes:
            self._written[delete.before.id] = (now_s, None)
        for record in records:
            self._written[record.id] = (now_s, record)

    def corrected(self, listed: Iterable[DnsRecord], now_s: float) -> tuple[DnsRecord, ...]:
        """Return a list with what was written a moment ago."""
        self._forget(now_s)
        found = {record.id: record for record in listed}
        for record_id, (_, record) in self._written.items():
            if record is None:
                found.pop(record_id, None)
            else:
                found[record_id] = record
        return tuple(found.values())

    def _forget(self, now_s: float) -> None:
        self._written = {
            record_id: (at_s, record)
            for record_id, (at_s, record) in self._written.items()
            if now_s < at_s + REMEMBERED_S
        }
