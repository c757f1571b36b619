"""From a change to one update, which a name server does as a whole or not at all.

An update has prerequisites (RFC 2136 §2.4): each RRset that it touches, and each owner mark, is
still as it was listed.  Marks have the fencing token, so the server itself refuses a writer that
a later one has overtaken.  A prerequisite names all records of a name and type, also those that
the change does not concern: they are known from the last listing.

- An RRset has one TTL.  If somebody else's record stays in it, its TTL stays.  Otherwise it is the
  lowest that is asked for of its records.
- A mark whose record is gone is deleted by the next update.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.name
import dns.update

from actors.adapters.rfc2136_failure import refused
from actors.adapters.rfc2136_records import (
    MARK_TTL_S,
    Mark,
    content_of,
    name_in_dns,
    place_of_mark,
    rdata_of,
    text_of_name,
    ttl_in_zone,
)
from actors.adapters.rfc2136_view import NONE, Held, Rdatas, Slot, ZoneView
from messages.dns_calls import DnsChange, DnsRecord

STALE_MARKS_MAX = 20  # that are deleted by one update
# What may stand where a CNAME is wanted: a prerequisite excludes one type at a time.
_BESIDE_CNAME = ("A", "AAAA", "TXT", "MX", "SRV", "CAA", "NS")


@dataclass(frozen=True)
class Prepared:
    """A change, ready to be sent."""

    message: dns.update.UpdateMessage
    records: tuple[DnsRecord, ...]  # created or updated
    after: ZoneView  # if it is done


def prepare(change: DnsChange, view: ZoneView) -> Prepared:
    """Return the update that makes a change if all is as it was listed.

    Raises:
        RefusedError: it could not be done, as far as is known.
        RecordFormError: a name or a content has a wrong form.
    """
    draft = _Draft(view)
    for delete in change.deletes:
        draft.take(delete.before)
    kept = [(update, draft.take(update.before)) for update in change.updates]
    for update, rdatas in kept:
        before = update.before
        is_same = update.content is None or update.content == before.content
        draft.put(
            (before.name, before.type),
            rdatas if is_same else _only(before.type, update.content or ""),
            ttl_s=before.ttl_s if update.ttl_s is None else update.ttl_s,
            comment=before.comment if update.comment is None else update.comment,
            is_ttl_asked=update.ttl_s is not None,
        )
    for one in change.creates:
        rdatas = _only(one.type, one.content)
        draft.put((one.name, one.type), rdatas, ttl_s=one.ttl_s, comment=one.comment)
    draft.take_stale_marks()
    draft.check_cnames()
    return draft.prepared()


def _only(kind: str, content: str) -> Rdatas:
    return frozenset({rdata_of(kind, content)})


class _Change:
    """One RRset, or the mark at one place: what was listed, and what is to be."""

    def __init__(self, before: Rdatas, ttl_s: int | None) -> None:
        self.before, self.after = before, before
        self.before_ttl_s = ttl_s
        self.is_ttl_asked = False
        self.ttl_s = MARK_TTL_S


class _Draft:
    """A change that is being put together."""

    def __init__(self, view: ZoneView) -> None:
        self._view = view
        self._sets: dict[Slot, _Change] = {}
        self._marks: dict[dns.name.Name, _Change] = {}
        self._put: list[tuple[Slot, str, Mark]] = []
        self._unused_names: set[str] = set()

    def take(self, record: DnsRecord) -> Rdatas:
        """Remove a record that was listed, and its mark."""
        changed = self._set((record.name, record.type))
        found = frozenset(one for one in changed.after if content_of(one) == record.content)
        if not found:  # Listed by another process, or gone since: the prerequisite tells.
            found = _only(record.type, record.content)
            changed.before |= found
        if changed.before_ttl_s is None:
            changed.before_ttl_s = ttl_in_zone(record.ttl_s)
        changed.after -= found
        self._take_mark(record)
        return found

    def _take_mark(self, record: DnsRecord) -> None:
        place = place_of_mark(self._view.zone, record.name, record.type, record.content)
        changed = self._mark(place)
        known = self._view.mark_of(record.name, record.type, record.content)
        if (known.comment if known else "") != record.comment:
            listed = Mark(record.type, record.name, record.ttl_s, record.comment)
            changed.before = frozenset({listed.rdata()}) if record.comment else NONE
        changed.after = NONE

    def put(
        self, slot: Slot, rdatas: Rdatas, *, ttl_s: int, comment: str, is_ttl_asked: bool = True
    ) -> None:
        """Add a record, and its mark."""
        name, kind = slot
        content = content_of(next(iter(rdatas)))
        changed = self._set(slot)
        if any(content_of(one) == content for one in changed.after):
            raise refused(
                "conflict", f"{name} has the record {kind} {content:.80} already", code="YXRRSET"
            )
        changed.after |= rdatas
        if is_ttl_asked or changed.before_ttl_s is None:
            changed.is_ttl_asked = True
        mark = Mark(kind, name, ttl_s, comment)
        if comment:
            place = place_of_mark(self._view.zone, name, kind, content)
            self._mark(place).after = frozenset({mark.rdata()})
        self._put.append((slot, content, mark))

    def take_stale_marks(self) -> None:
        """Delete marks without a record, provided that their record is not back."""
        for place in sorted(self._view.stale - self._marks.keys())[:STALE_MARKS_MAX]:
            if mark := self._view.mark_at(place):
                self._set((mark.name, mark.kind))
                self._mark(place).after = NONE

    def check_cnames(self) -> None:
        """Nothing stands beside a CNAME: a server ignores what would (RFC 2136 §3.4.2.2)."""
        for (name, kind), changed in list(self._sets.items()):
            if not changed.after - changed.before:
                continue
            if kind == "CNAME":
                self._check_alone(name, changed)
            elif not changed.before:
                self._check_no_cname(name, kind)

    def _check_alone(self, name: str, changed: _Change) -> None:
        kinds = {kind for at, kind in (*self._view.sets, *self._sets) if at == name}
        others = [kind for kind in kinds - {"CNAME"} if self._set((name, kind)).after]
        if others or len(changed.after) > 1 or name_in_dns(name) == self._view.zone:
            beside = ", ".join(sorted(others)) or "another record"
            raise refused(
                "permanent",
                f"{name} cannot have a CNAME beside {beside}",
                f"delete what else {name} has, or want addresses (A, AAAA) there",
                code="CNAME",
            )
        if not any(self._set((name, kind)).before for kind in kinds):
            self._unused_names.add(name)
        elif not changed.before:
            for kind in _BESIDE_CNAME:
                self._set((name, kind))

    def _check_no_cname(self, name: str, kind: str) -> None:
        if self._set((name, "CNAME")).after:
            raise refused(
                "permanent",
                f"{name} has a CNAME, and cannot have a record {kind} beside it",
                f"delete the CNAME of {name}, or add {name} to dns.adopt",
                code="CNAME",
            )

    def prepared(self) -> Prepared:
        """Return the update: what must hold, then what is deleted, then what is added."""
        update = dns.update.UpdateMessage(self._view.zone)
        for slot, changed in self._sets.items():
            changed.ttl_s = self._ttl_s(slot, changed)
        changes = [
            *((name_in_dns(name), kind, one) for (name, kind), one in self._sets.items()),
            *((place, "TXT", one) for place, one in self._marks.items()),
        ]
        self._require(update, changes)
        for name, _, one in changes:
            if one.before - one.after:
                update.delete(name, *one.before - one.after)
        for name, _, one in changes:
            is_new_ttl = one.before_ttl_s is not None and one.ttl_s != one.before_ttl_s
            if added := one.after if is_new_ttl else one.after - one.before:
                update.add(name, one.ttl_s, *added)
        after = self._after()
        return Prepared(update, self._records(after), after)

    def _require(
        self,
        update: dns.update.UpdateMessage,
        changes: list[tuple[dns.name.Name, str, _Change]],
    ) -> None:
        for name, kind, one in changes:
            if one.before:
                update.present(name, *one.before)
            elif text_of_name(name) not in self._unused_names:
                update.absent(name, kind)
        for unused in sorted(self._unused_names):
            update.absent(name_in_dns(unused))

    def _ttl_s(self, slot: Slot, changed: _Change) -> int:
        name, kind = slot
        put = {content: mark for at, content, mark in self._put if at == slot}
        stays = {content_of(one) for one in changed.after} - put.keys()
        marks = [*put.values(), *(self._view.mark_of(name, kind, one) for one in stays)]
        if changed.before_ttl_s is not None and (None in marks or not changed.is_ttl_asked):
            return changed.before_ttl_s
        return min((ttl_in_zone(mark.ttl_s) for mark in marks if mark), default=MARK_TTL_S)

    def _records(self, after: ZoneView) -> tuple[DnsRecord, ...]:
        """Return what was put, as it is listed from now on."""
        listed = {(one.name, one.type, one.content): one for one in after.records()}
        return tuple(listed[(*slot, content)] for slot, content, _ in self._put)

    def _after(self) -> ZoneView:
        sets = {**self._view.sets}
        for slot, one in self._sets.items():
            sets[slot] = Held(one.ttl_s, one.after)
        marks = {**self._view.marks, **{place: one.after for place, one in self._marks.items()}}
        return ZoneView(
            self._view.zone,
            {slot: held for slot, held in sets.items() if held.rdatas},
            {place: found for place, found in marks.items() if found},
            self._view.stale - self._marks.keys(),
        )

    def _set(self, slot: Slot) -> _Change:
        if slot not in self._sets:
            if not name_in_dns(slot[0]).is_subdomain(self._view.zone):
                raise refused(
                    "permanent",
                    f"{slot[0]} is not in the zone {text_of_name(self._view.zone)}",
                    "add its zone to dns.zones, or remove the record",
                    code="NOTZONE",
                )
            held = self._view.sets.get(slot)
            self._sets[slot] = _Change(held.rdatas, held.ttl_s) if held else _Change(NONE, None)
        return self._sets[slot]

    def _mark(self, place: dns.name.Name) -> _Change:
        if place not in self._marks:
            self._marks[place] = _Change(self._view.marks.get(place, NONE), None)
        return self._marks[place]
