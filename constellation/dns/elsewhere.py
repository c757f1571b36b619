"""What is at names that not every round lists, because each of them costs a request.

A record that is wanted there and cannot be made, because one of others is in its place, would
otherwise cost a further list in every round.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.dns.contents import listed_name
from messages.dns_calls import DnsRecord

REMEMBERED_S = 900.0


class Elsewhere:
    """The records at such names, as they were listed last.  `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._listed: dict[str, tuple[float, tuple[DnsRecord, ...]]] = {}  # by name: since when

    def names(self, now_s: float) -> frozenset[str]:
        """Return the names at which there is something, as far as it is known."""
        return frozenset(
            name for name, (at_s, _) in self._listed.items() if now_s < at_s + REMEMBERED_S
        )

    def note(self, names: Iterable[str], records: Iterable[DnsRecord], now_s: float) -> None:
        """Remember what a list showed at these names, if there is anything."""
        at: dict[str, list[DnsRecord]] = {}
        for record in records:
            at.setdefault(listed_name(record.name), []).append(record)
        known = self.names(now_s)
        self._listed = {name: one for name, one in self._listed.items() if name in known}
        self._listed |= {name: (now_s, tuple(at[name])) for name in names if name in at}

    def completed(
        self, listed: Iterable[DnsRecord], names: Iterable[str], now_s: float
    ) -> tuple[DnsRecord, ...]:
        """Return a list of `names` with what is known of the other names."""
        found = {record.id: record for record in listed}
        for name in self.names(now_s) - set(names):
            for record in self._listed[name][1]:
                found.setdefault(record.id, record)
        return tuple(found.values())
