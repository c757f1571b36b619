"""Which record of the cluster answers for a host name, and where it leads.

It follows from what each node knows: the cluster, the holders of the leases, the settings, and what
the node that writes reports.  The provider is not asked, so records of others that are nobody's
trouble are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from constellation.cluster_view import ClusterView
from constellation.dns.desired import desired_records
from constellation.dns.intents import Intent, Keep, Point
from constellation.dns.names import canonical_name, is_below, zone_of
from constellation.dns.pointing import Pointing, own
from constellation.settings.dns import DnsSettings
from constellation.wellness.problem import because
from messages.routes import DnsLead, NodeTrouble

_WILDCARD = "*."


@dataclass(frozen=True)
class DnsKnowledge:
    """What one node knows of DNS.

    Attributes:
        view: the cluster, from gossip.
        leader: who holds lb-leader; empty: nobody.
        writer: who holds dns-writer; empty: nobody.
        troubles: those of kind "dns" that nodes report.
    """

    view: ClusterView
    settings: DnsSettings
    domain: str
    leader: str
    writer: str
    troubles: tuple[NodeTrouble, ...] = field(default=())


def look_up(subject: str, known: DnsKnowledge) -> DnsLead | None:
    """Return where `subject` leads; None: it is no host name that records of the cluster are for.

    That is one below a domain whose records follow the cluster, or one of `dns.records`.
    """
    name = _host_name(subject)
    if not name or not known.settings.is_used:
        return None
    zones = tuple(zone.name for zone in known.settings.zones)
    wanted = desired_records(known.view, known.leader, known.settings, known.domain)
    intents = {at: one for zone in wanted.zones.values() for at, one in zone.intents.items()}
    domains = [canonical_name(one) for one in known.settings.domains or (known.domain,)]
    if name not in intents and not any(is_below(name, domain) for domain in domains):
        return None
    zone = zone_of(name, zones) or ""
    if not zone:
        why = f"{name} is in none of dns.zones ({', '.join(zones)}): add its zone there"
        return DnsLead(problems=(why,))
    record, why_none = _matching(name, zone, intents)
    if not record:
        return DnsLead(zone=zone, problems=(f"no DNS record leads to {name}: {why_none}",))
    return _lead(record, zone, intents[record], known)


def _host_name(subject: str) -> str:
    """Return a canonical host name; empty: it is none, but perhaps a service."""
    try:
        return canonical_name(subject) if "." in subject.strip(".") else ""
    except ValueError:
        return ""


def _matching(name: str, zone: str, intents: Mapping[str, Intent]) -> tuple[str, str]:
    """Return the name of the record that answers, or why there is none (RFC 4592, section 2.2).

    A wildcard stands for names below it, unless there is a closer name, with or without records.
    """
    if name in intents:
        return name, ""
    if below := _first_below(name, intents):
        return "", f"{below} exists, and no wildcard stands for a name that others are below"
    closest = name
    while closest != zone:
        closest = closest.partition(".")[2]
        if (wildcard := _WILDCARD + closest) in intents:
            return wildcard, ""
        if closest in intents or _first_below(closest, intents):
            break
    return "", f"the cluster has no record of that name, and no {_WILDCARD}{closest}"


def _first_below(name: str, intents: Iterable[str]) -> str:
    return min((one for one in intents if one.endswith(f".{name}")), default="")


def _lead(record: str, zone: str, intent: Intent, known: DnsKnowledge) -> DnsLead:
    if isinstance(intent, Keep):
        problems = [f"the record {record} stays as it is: {intent.why}"]
        return DnsLead(
            record=record, zone=zone, problems=(*problems, *_hindrances(record, zone, known))
        )
    return DnsLead(
        record=record,
        zone=zone,
        contents=tuple(f"{one.type} {one.content}" for one in intent.records),
        nodes=tuple(_nodes(record, intent, known)),
        why=intent.why,
        problems=tuple(_hindrances(record, zone, known)),
    )


def _nodes(record: str, intent: Point, known: DnsKnowledge) -> Iterator[str]:
    """Yield the nodes at which requests arrive; several may share an address."""
    keys = {one.key for one in intent.records}
    for node in sorted(filter(known.view.is_living, known.view.members)):
        where = own(known.view, node, [])
        if not isinstance(where, Pointing) or not keys & {
            (one.type, one.content) for one in where.targets
        }:
            continue
        is_nodes_own = record.startswith(f"{_WILDCARD}{node}.")
        is_of_another = any(record.startswith(f"{_WILDCARD}{one}.") for one in known.view.members)
        is_leader = known.settings.mode == "all" or node == known.leader
        if is_nodes_own or (is_leader and not is_of_another):
            yield node


def _hindrances(record: str, zone: str, known: DnsKnowledge) -> Iterator[str]:
    """Yield why the record may not be as wanted."""
    if known.settings.dry_run:
        yield f"the record {record} is not kept: dns.dry_run is set"
    elif not known.writer:
        yield f"the record {record} is not kept: no node holds the lease dns-writer"
    for told in known.troubles:
        trouble = told.trouble
        if trouble.kind == "dns" and not trouble.is_note and trouble.subject in {record, zone}:
            what = f"{trouble.what} on {told.node}"
            yield because(what, trouble.why, trouble.fix)
