"""Zones and wishes of every kind, small enough to collide."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from hypothesis import strategies as st

from constellation.dns.intents import Desired, Intent, Keep, Point, WantedRecord, in_order
from constellation.dns.mark import OwnerMark
from constellation.dns.plan_parts import PlanPolicy
from messages.dns_calls import DnsRecord, RecordType
from tests.dns.zone_model import ZoneModel, ZoneRefusedError

MARK = OwnerMark("constellation:home.example")
TOKEN = 7
NAMES = ["home.example", "*.home.example", "*.alpha.home.example", "www.home.example"]
CONTENTS = {
    "A": ["203.0.113.1", "203.0.113.2", "203.0.113.3"],
    "AAAA": ["2001:db8::1", "2001:db8::2"],
    "CNAME": ["tunnel.example.net", "other.example.net"],
    "TXT": ["v=spf1 -all", 'a "quoted" \\ text', '"v=spf1 -all"'],
    "MX": ["10 mail.example.net"],
}
COMMENTS = [
    "",
    "made by hand",
    "constellation:other.example:5",
    "constellation:home.example:3",
    "constellation:home.example:3 of the router",
    "constellation:home.example:7",
]
WANTED_TYPES: list[RecordType] = ["A", "AAAA", "CNAME", "TXT"]


@dataclass(frozen=True)
class Case:
    """A zone and what is wanted of it."""

    zone: tuple[DnsRecord, ...]
    desired: Desired
    policy: PlanPolicy
    has_proxies: bool

    def model(self) -> ZoneModel:
        return ZoneModel(self.zone, has_proxies=self.has_proxies)


def _allowed(records: Iterable[DnsRecord], *, has_proxies: bool) -> tuple[DnsRecord, ...]:
    """Return the records that a provider takes, one after the other."""
    taken: tuple[DnsRecord, ...] = ()
    for at, record in enumerate(records):
        more = (*taken, record.model_copy(update={"id": f"r{at}"}))
        try:
            ZoneModel(more, has_proxies=has_proxies)
        except ZoneRefusedError:
            continue
        taken = more
    return taken


def _every_record(*, has_proxies: bool) -> list[DnsRecord]:
    """Return all records that may be drawn: to draw one of many is much faster than its parts."""
    return [
        DnsRecord(
            id="?",
            name=name,
            type=record_type,
            content=content,
            ttl_s=1 if proxied else ttl_s,
            proxied=proxied,
            comment=comment,
            tags=("home",) if ttl_s == 60 else (),
        )
        for name, (record_type, contents), comment, ttl_s in product(
            NAMES, CONTENTS.items(), COMMENTS, [1, 60, 3600] if has_proxies else [60, 3600]
        )
        for content in contents
        for proxied in _proxies(record_type, has_proxies=has_proxies)
        if ttl_s != 3600 or not proxied
    ]


def _every_wanted(*, has_proxies: bool) -> list[WantedRecord]:
    return [
        WantedRecord(record_type, content, ttl_s, proxied, is_set, is_failover)
        for record_type, ttl_s, is_set, is_failover in product(
            WANTED_TYPES, [1, 60, 120], [False, True], [False, True]
        )
        for content in CONTENTS[record_type]
        for proxied in {None, *_proxies(record_type, has_proxies=has_proxies)}
        if proxied is None or record_type != "TXT"
    ]


def _proxies(record_type: str, *, has_proxies: bool) -> list[bool | None]:
    if not has_proxies:
        return [None]
    return [False, True] if record_type in {"A", "AAAA", "CNAME"} else [False]


def _fitting(found: Iterable[WantedRecord], has_proxies: bool) -> tuple[WantedRecord, ...]:
    """Return the wanted records that can stand together."""
    taken: dict[tuple[str, str], WantedRecord] = {}
    for one in found:
        types = {one.type, *(key[0] for key in taken)}
        clashes = len(taken.keys() | {one.key}) > 1 and "CNAME" in types
        beside = types - {"CNAME"}
        is_texts_only = has_proxies and one.key not in taken and beside == {"TXT"}
        cnames = [key for key in taken.keys() | {one.key} if key[0] == "CNAME"]
        if not clashes or (is_texts_only and len(cnames) == 1):
            taken.setdefault(one.key, one)
    return tuple(taken.values())


def _intents(*, has_proxies: bool) -> st.SearchStrategy[Intent]:
    keeps = st.sampled_from([Keep("nobody", "nobody works"), Keep("address_unknown", "unknown")])
    points = st.builds(
        lambda found, is_complete: Point(_fitting(found, has_proxies), "wanted", is_complete),
        st.lists(st.sampled_from(_every_wanted(has_proxies=has_proxies)), max_size=4),
        st.booleans(),
    )
    return st.one_of(points, points, keeps)


def _cases(*, has_proxies: bool) -> st.SearchStrategy[Case]:
    policies = st.builds(
        PlanPolicy,
        adopt=st.frozensets(st.sampled_from(NAMES), max_size=2),
        deletes_max=st.integers(0, 4),
        is_forced=st.booleans(),
        is_cname_alone=st.just(not has_proxies),
    )
    records = st.sampled_from(_every_record(has_proxies=has_proxies))
    return st.builds(
        lambda records, intents, policy: Case(
            _allowed(records, has_proxies=has_proxies),
            Desired("home.example", in_order(intents)),
            policy,
            has_proxies,
        ),
        st.lists(records, max_size=10),
        st.dictionaries(st.sampled_from(NAMES), _intents(has_proxies=has_proxies)),
        policies,
    )


# Made once: Hypothesis hashes what it samples from.
CASES = st.one_of(_cases(has_proxies=True), _cases(has_proxies=False))
