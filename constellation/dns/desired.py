"""Which records are wanted: those of the domains and the nodes, and the further ones of settings.

  <domain>, *.<domain>    where `pointing.front` says
  *.<node>.<domain>       each living node's own addresses, also of a cordoned one
  `dns.records`           as written; 'leader' is where the domain points

A name belongs to the longest of the zones that it is below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from constellation.cluster_view import ClusterView
from constellation.dns.contents import canonical_content, excludes
from constellation.dns.intents import Desired, Intent, Keep, Point, WantedRecord, in_order
from constellation.dns.names import canonical_name, zone_of
from constellation.dns.pointing import Pointing, Target, front, own
from constellation.settings.dns import DnsSettings, RecordSetting
from constellation.value import Value

LEADER = "leader"  # as the content of a further record


class DesiredRecords(Value):
    """What is wanted in each zone, and what an operator should put right."""

    zones: Mapping[str, Desired]
    problems: tuple[str, ...] = ()


def desired_records(
    view: ClusterView, leader: str, settings: DnsSettings, domain: str, *, is_settled: bool = True
) -> DesiredRecords:
    """Return the records that are wanted.

    Args:
        view: the cluster.
        leader: holds the lease lb-leader; empty: nobody.
        settings: of DNS.
        domain: of this node.
        is_settled: the other nodes had the time to become known.
    """
    problems: list[str] = []
    parts = _Parts(settings, problems)
    domains = [canonical_name(one) for one in settings.domains or (domain,)]
    where = front(view, leader, settings.mode, problems, is_settled=is_settled)
    for one in domains:
        parts.point(one, one, where)
        parts.point(f"*.{one}", one, where)
    for node in sorted(node for node in view.members if view.is_living(node)):
        _add_node(parts, domains, node, own(view, node, problems))
    for record in settings.records:
        parts.add_further(record, where)
    return DesiredRecords(parts.by_zone(), tuple(dict.fromkeys(problems)))


def is_cname_alone(settings: DnsSettings) -> bool:
    """Return whether the provider lets nothing stand beside a CNAME."""
    return settings.provider != "cloudflare"


def _add_node(parts: _Parts, domains: Iterable[str], node: str, where: Keep | Pointing) -> None:
    for domain in domains:
        try:
            name = canonical_name(f"*.{node}.{domain}")
        except ValueError as error:
            parts.problems.append(f"{node:.80} has no name below {domain}: {error}")
        else:
            parts.point(name, domain, where)


class _Parts:
    """What each name gets from the cluster, and from the settings; the former comes first."""

    def __init__(self, settings: DnsSettings, problems: list[str]) -> None:
        self.problems = problems
        self._settings = settings
        self._zones = tuple(zone.name for zone in settings.zones)
        self._of: dict[str, list[Intent]] = {}
        self._is_cname_alone = is_cname_alone(settings)

    def point(self, name: str, domain: str, where: Keep | Pointing) -> None:
        """Add where a name of the cluster points."""
        if self._has_zone(name, domain, "dns.domains"):
            self._of.setdefault(name, []).append(self._pointed(name, where))

    def add_further(self, record: RecordSetting, where: Keep | Pointing) -> None:
        """Add a record of the settings; `where` is where the domain points."""
        if not self._has_zone(record.name, record.name, "dns.records"):
            return
        if record.content == LEADER and record.type in {"A", "AAAA"}:
            part = self._pointed(record.name, where, record)
        else:
            try:
                content = canonical_content(record.type, record.content)
            except ValueError as error:
                self.problems.append(
                    f"dns.records: {record.content!r:.80} of {record.name} is no content of a "
                    f"record {record.type}: {error}"
                )
                return
            wanted = self._wanted(Target(record.type, content), record, is_failover=False)
            part = Point((wanted,), "in dns.records")
        self._of.setdefault(record.name, []).append(part)

    def by_zone(self) -> Mapping[str, Desired]:
        """Return what is wanted, for each zone of the settings."""
        intents: dict[str, dict[str, Intent]] = {zone: {} for zone in self._zones}
        for name, parts in self._of.items():
            if zone := zone_of(name, self._zones):
                intents[zone][name] = self._together(name, parts)
        return MappingProxyType({zone: Desired(zone, in_order(of)) for zone, of in intents.items()})

    def _has_zone(self, name: str, named: str, setting: str) -> bool:
        if zone_of(name, self._zones):
            return True
        self.problems.append(
            f"{named} is in none of dns.zones ({', '.join(self._zones)}): add its zone there, or "
            f"take it out of {setting}"
        )
        return False

    def _pointed(
        self, name: str, where: Keep | Pointing, record: RecordSetting | None = None
    ) -> Intent:
        if isinstance(where, Keep):
            return where
        if nobody := self._why_no_cname(name, where):
            self.problems.append(nobody)
            return Keep("nobody", nobody)
        family = {"CNAME", record.type} if record else {"A", "AAAA", "CNAME"}
        records = tuple(
            self._wanted(target, record, is_failover=True)
            for target in where.targets
            if target.type in family
        )
        return Point(records, where.why, where.is_complete)

    def _why_no_cname(self, name: str, where: Pointing) -> str:
        hosts = [one.content for one in where.targets if one.type == "CNAME"]
        if name in hosts:
            return (
                f"{name} cannot point to itself: set dns.addresses to another name or to addresses"
            )
        if hosts and self._is_cname_alone and name in self._zones:
            return (
                f"{name} is a zone of its own and cannot be a CNAME of {hosts[0]}: set "
                "dns.addresses to IP addresses"
            )
        return ""

    def _wanted(
        self, target: Target, record: RecordSetting | None, *, is_failover: bool
    ) -> WantedRecord:
        """Return a wanted record, with what the settings say; `record` may say it better."""
        settings = self._settings
        ttl_s = record.ttl_s if record else None
        proxied = record.proxied if record and record.proxied is not None else settings.proxied
        has_proxy = target.type != "TXT" and settings.provider == "cloudflare"
        return WantedRecord(
            target.type,
            target.content,
            settings.ttl_s if ttl_s is None else ttl_s,
            proxied if has_proxy else None,
            is_ttl_set=ttl_s is not None or "ttl_s" in settings.model_fields_set,
            is_failover=is_failover,
        )

    def _together(self, name: str, parts: list[Intent]) -> Intent:
        """Return one intent; where a part is not known, what the other parts want is added."""
        if len(parts) == 1:
            return parts[0]
        points = [part for part in parts if isinstance(part, Point)]
        if not points:
            return parts[0]
        records: dict[tuple[str, str], WantedRecord] = {}
        for one in (record for point in points for record in point.records):
            if self._fits(name, one, records.values()):
                records.setdefault(one.key, one)
        return Point(
            tuple(sorted(records.values(), key=lambda one: one.key)),
            "; ".join(dict.fromkeys(part.why for part in parts)),
            all(isinstance(part, Point) and part.is_complete for part in parts),
        )

    def _fits(self, name: str, one: WantedRecord, others: Iterable[WantedRecord]) -> bool:
        beside = list(self._excluding(one, others))
        if beside:
            self.problems.append(
                f"{name} cannot have {one.type} {one.content:.80} beside {beside[0].type} "
                f"{beside[0].content:.80}: take one of them out of dns.records"
            )
        return not beside

    def _excluding(
        self, one: WantedRecord, others: Iterable[WantedRecord]
    ) -> Iterator[WantedRecord]:
        for other in others:
            is_same = other.key == one.key
            if not is_same and excludes(one.type, other.type, is_cname_alone=self._is_cname_alone):
                yield other
