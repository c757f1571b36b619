"""A zone as Cloudflare keeps it, for tests of cores: its answers to calls, and what it refuses.

`tests/dns/test_cloudflare.py` shows that the real adapter and a faithful double answer the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from messages.dns_calls import (
    TTL_AUTOMATIC,
    DnsAnswer,
    DnsCall,
    DnsCallFailed,
    DnsChange,
    DnsChanged,
    DnsCreate,
    DnsRecord,
    DnsRecordsList,
    DnsRecordsListed,
    DnsUpdate,
    DnsZone,
    DnsZoneFind,
    DnsZoneFound,
)

ADDRESSES = frozenset({"A", "AAAA", "CNAME"})


@dataclass
class ProviderModel:
    """One zone.  `calls` has every call that arrived, `writes` those that changed something."""

    zone: DnsZone = field(default_factory=lambda: DnsZone(id="z1", name="home.example"))
    records: dict[str, DnsRecord] = field(default_factory=dict)
    calls: list[DnsCall] = field(default_factory=list)
    writes: list[DnsChange] = field(default_factory=list)
    page_size: int = 1000
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def add(self, name: str, kind: str, content: str, **fields: object) -> DnsRecord:
        """Add a record as anybody could."""
        values = {"ttl_s": 300, "proxied": False, **fields}
        record = DnsRecord.model_validate(
            {"id": f"r{next(self._numbers)}", "name": name, "type": kind, "content": content}
            | values
        )
        self.records[record.id] = record
        return record

    def at(self, name: str, kind: str = "A") -> list[str]:
        """Return the contents at a name."""
        found = (one for one in self.records.values() if (one.name, one.type) == (name, kind))
        return sorted(one.content for one in found)

    def answer(self, call: DnsCall) -> DnsAnswer:
        """Carry a call out."""
        self.calls.append(call)
        match call:
            case DnsZoneFind():
                return DnsZoneFound(zone=self.zone)
            case DnsRecordsList():
                return self._list(call)
            case DnsChange():
                return self._change(call)

    def _list(self, call: DnsRecordsList) -> DnsRecordsListed:
        found = [
            one
            for one in self.records.values()
            if one.name in call.names
            or one.name.startswith("*.")
            or one.comment.startswith(call.mark)
        ]
        start = int(call.cursor or 0)
        end = start + self.page_size
        cursor = str(end) if end < len(found) else ""
        return DnsRecordsListed(records=tuple(found[start:end]), cursor=cursor)

    def _change(self, call: DnsChange) -> DnsAnswer:
        """Do all of it or nothing, in Cloudflare's order: deletes, updates, creates."""
        before = dict(self.records)
        try:
            done = tuple(self._steps(call))
        except ValueError as error:
            self.records = before
            return DnsCallFailed(failure="conflict", why=str(error), code="81057")
        self.writes.append(call)
        return DnsChanged(records=done)

    def _steps(self, call: DnsChange) -> Iterable[DnsRecord]:
        for delete in call.deletes:
            if self.records.pop(delete.before.id, None) is None:
                raise ValueError("81044: record not found")
        for update in call.updates:
            if update.before.id not in self.records:
                raise ValueError("81044: record not found")
            yield self._keep(_updated(self.records[update.before.id], update))
        for create in call.creates:
            yield self._keep(self._made(create))

    def _made(self, create: DnsCreate) -> DnsRecord:
        return DnsRecord(
            id=f"r{next(self._numbers)}",
            name=create.name,
            type=create.type,
            content=create.content,
            ttl_s=TTL_AUTOMATIC if create.proxied else create.ttl_s,
            proxied=bool(create.proxied),
            comment=create.comment,
        )

    def _keep(self, record: DnsRecord) -> DnsRecord:
        others = [
            one for one in self.records.values() if one.name == record.name and one.id != record.id
        ]
        if any((one.type, one.content) == (record.type, record.content) for one in others):
            raise ValueError("81058: an identical record already exists")
        if record.type in ADDRESSES and any(
            one.type in ADDRESSES and "CNAME" in {one.type, record.type} for one in others
        ):
            raise ValueError("81053: an A, AAAA or CNAME record already exists with that host")
        self.records[record.id] = record
        return record


def _updated(record: DnsRecord, update: DnsUpdate) -> DnsRecord:
    given = {
        "content": update.content,
        "ttl_s": update.ttl_s,
        "proxied": update.proxied,
        "comment": update.comment,
    }
    values = {name: value for name, value in given.items() if value is not None}
    changed = record.model_copy(update=values)
    return changed.model_copy(update={"ttl_s": TTL_AUTOMATIC}) if changed.proxied else changed
