"""A zone as the provider keeps it: applies a change whole or not at all, in Cloudflare's order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from constellation.dns.plan_parts import key_of
from messages.dns_calls import CHANGES_MAX, DnsChange, DnsCreate, DnsRecord, DnsUpdate, DnsZone

ZONE = DnsZone(id="z1", name="home.example")
ADDRESSES = {"A", "AAAA", "CNAME"}


class ZoneRefusedError(Exception):
    """The provider refuses the whole request."""


class ZoneModel:
    """Records by id.  Without proxies it is a name server, where a CNAME stands alone."""

    def __init__(self, records: Iterable[DnsRecord] = (), *, has_proxies: bool = True) -> None:
        self.records = {one.id: one for one in records}
        self.has_proxies = has_proxies
        self.changes: list[DnsChange] = []
        self._ids = count(1)
        for one in self.records.values():
            self._check(one, self.records.values())

    def apply(self, change: DnsChange) -> None:
        after = dict(self.records)
        operations = [*change.deletes, *change.updates, *change.creates]
        if not 0 < len(operations) <= CHANGES_MAX:
            raise ZoneRefusedError(f"{len(operations)} operations")
        for one in change.deletes:
            if after.pop(one.before.id) != one.before:
                raise ZoneRefusedError(f"changed in the meantime: {one.before}")
        for update in change.updates:
            if after[update.before.id] != update.before:
                raise ZoneRefusedError(f"changed in the meantime: {update.before}")
            self._put(after, self._updated(update))
        for create in change.creates:
            self._put(after, self._created(create))
        self.records = after
        self.changes.append(change)

    def _put(self, after: dict[str, DnsRecord], record: DnsRecord) -> None:
        self._check(record, after.values())
        after[record.id] = record

    def _check(self, record: DnsRecord, others: Iterable[DnsRecord]) -> None:
        for other in others:
            if other.id == record.id or other.name != record.name:
                continue
            types = {record.type, other.type}
            if "CNAME" in types and (types <= ADDRESSES or not self.has_proxies):
                raise ZoneRefusedError(f"81053: {record} beside {other}")
            if key_of(record) == key_of(other):
                raise ZoneRefusedError(f"81058: {record} is identical to {other}")

    def _updated(self, update: DnsUpdate) -> DnsRecord:
        given = update.model_dump(exclude={"before"}, exclude_none=True)
        return self._answered(update.before.model_copy(update=given))

    def _created(self, create: DnsCreate) -> DnsRecord:
        given = create.model_dump(exclude={"proxied"})
        proxied = bool(create.proxied) if self.has_proxies else None
        return self._answered(DnsRecord(id=f"new{next(self._ids)}", proxied=proxied, **given))

    def _answered(self, record: DnsRecord) -> DnsRecord:
        """Return a record as it is listed: proxied ones with TTL 1."""
        ttl_s = 1 if record.proxied else record.ttl_s
        if not self.has_proxies and ttl_s == 1:
            ttl_s = 300  # a name server has no automatic TTL
        return record.model_copy(update={"ttl_s": ttl_s})
