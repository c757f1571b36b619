"""What concerns us of a zone that was transferred: records, and the owner marks beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.name
import dns.rdata
import dns.rdatatype
import dns.zone

from actors.adapters.rfc2136_records import (
    Mark,
    content_of,
    hash_of_record,
    marks_of,
    name_in_dns,
    place_of_mark,
    text_of_name,
    ttl_in_zone,
)
from constellation.dns.mark import OwnerMark
from constellation.dns.names import is_below
from messages.dns_calls import DnsRecord

# The server makes these itself.
_OF_DNSSEC = frozenset({"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM"})
_OF_ZONE = frozenset({"SOA", "NS"})  # at the apex

Slot = tuple[str, str]  # the name and type of an RRset
Rdatas = frozenset[dns.rdata.Rdata]
NONE: Rdatas = frozenset()


@dataclass(frozen=True)
class Held:
    """One RRset, as it was listed."""

    ttl_s: int
    rdatas: Rdatas


@dataclass(frozen=True)
class ZoneView:
    """The RRsets at the names that concern us, and the owner marks of the zone."""

    zone: dns.name.Name
    sets: dict[Slot, Held] = field(default_factory=dict)
    marks: dict[dns.name.Name, Rdatas] = field(default_factory=dict)
    stale: frozenset[dns.name.Name] = frozenset()  # marks of ours without a record

    def mark_of(self, name: str, kind: str, content: str) -> Mark | None:
        """Return the owner mark of a record; None: it has none."""
        mark = self.mark_at(place_of_mark(self.zone, name, kind, content))
        return mark if mark and (mark.name, mark.kind) == (name, kind) else None

    def mark_at(self, place: dns.name.Name) -> Mark | None:
        """Return the only mark at a place."""
        found = self.marks.get(place, NONE)
        mark = Mark.read(next(iter(found))) if len(found) == 1 else None
        return mark if mark and is_below(mark.name, text_of_name(self.zone)) else None

    def records(self) -> tuple[DnsRecord, ...]:
        """Return what is to be listed, in order."""
        apex = text_of_name(self.zone)
        listed = {
            record.id: record
            for slot in self.sets
            if not (slot[0] == apex and slot[1] in _OF_ZONE)
            for record in self.records_of(slot)
        }
        return tuple(sorted(listed.values(), key=lambda one: (one.name, one.type, one.content)))

    def records_of(self, slot: Slot) -> list[DnsRecord]:
        """Return the records of an RRset, each with the TTL that was asked for.

        The zone has another one if somebody else's record determines it, or one of ours with a
        lower TTL: nothing is to be done about that.  Any other TTL is somebody's change.
        """
        held = self.sets[slot]
        contents = sorted({content_of(one) for one in held.rdatas})
        marks = {content: self.mark_of(*slot, content) for content in contents}
        asked = {ttl_in_zone(mark.ttl_s) for mark in marks.values() if mark}
        is_as_asked = None in marks.values() or held.ttl_s == min(asked, default=held.ttl_s)
        return [
            record_in_form(
                *slot,
                content,
                mark.ttl_s if mark and is_as_asked else held.ttl_s,
                mark.comment if mark else "",
            )
            for content, mark in marks.items()
        ]


def view_of(zone: dns.zone.Zone, names: tuple[str, ...], mark: str) -> ZoneView:
    """Return what concerns us of a zone: what is at `names`, and where comments begin with `mark`.

    Raises:
        RecordFormError: a name is none in DNS.
    """
    assert zone.origin is not None
    marks = dict(_all_marks(zone, zone.origin))
    everything = ZoneView(zone.origin, marks=marks)
    ours = {
        place: found
        for place in marks
        if (found := everything.mark_at(place)) and found.comment.startswith(mark)
    }
    wanted = {*names, *(one.name for one in ours.values())}
    sets = {slot: held for name in wanted for slot, held in _sets_at(zone, name)}
    present = {
        place_of_mark(zone.origin, name, kind, content_of(rdata))
        for (name, kind), held in sets.items()
        for rdata in held.rdatas
    }
    owner = OwnerMark(mark)  # another cluster's mark may begin like ours
    stale = (place for place, one in ours.items() if owner.is_ours(one.comment))
    return ZoneView(zone.origin, sets, marks, stale=frozenset(stale) - present)


def _all_marks(
    zone: dns.zone.Zone, origin: dns.name.Name
) -> Iterator[tuple[dns.name.Name, Rdatas]]:
    below = marks_of(origin)
    for name, node in zone.nodes.items():
        found = node.get_rdataset(zone.rdclass, dns.rdatatype.TXT)
        if found is not None and name.is_subdomain(below):
            yield name.canonicalize(), frozenset(found)


def _sets_at(zone: dns.zone.Zone, name: str) -> Iterator[tuple[Slot, Held]]:
    node = zone.get_node(name_in_dns(name))
    for found in node.rdatasets if node is not None else ():
        kind = dns.rdatatype.to_text(found.rdtype)
        if kind not in _OF_DNSSEC:
            yield (name, kind), Held(found.ttl, frozenset(found))


def record_in_form(name: str, kind: str, content: str, ttl_s: int, comment: str) -> DnsRecord:
    """Return a record of the zone in the form of the calls."""
    key = f"{name}|{kind}|{hash_of_record(name, kind, content)}"
    return DnsRecord(id=key, name=name, type=kind, content=content, ttl_s=ttl_s, comment=comment)
