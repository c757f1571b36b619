"""To which addresses the domain, and each node's own name, should point.

Only a node that is alive and not cordoned, and whose ingress works, is pointed to.  "It is not
known where" and "there is nobody" are different answers; records stay as they are with both.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from constellation.cluster_view import ClusterView
from constellation.dns.intents import Keep
from constellation.dns.names import canonical_name
from constellation.settings.addresses import is_ip
from messages.dns_calls import RecordType
from messages.gossip import NodeState


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """Where a record may point: an address, or a host name as a CNAME."""

    type: RecordType
    content: str


@dataclass(frozen=True, slots=True)
class Pointing:
    """The targets of a name.  If it is not complete, there are more that are not known yet."""

    targets: tuple[Target, ...]
    why: str
    is_complete: bool = True


def front(
    view: ClusterView, leader: str, mode: str, problems: list[str], *, is_settled: bool = True
) -> Keep | Pointing:
    """Return where the domain should point; `leader` holds the lease lb-leader, empty: nobody.

    Until the view is settled, nodes that are not in it may only not be known yet.
    """
    if not view.known:
        return Keep("address_unknown", "the state of the cluster is not known yet")
    if mode != "all":
        return _leader(view, leader, problems)
    where = _all(view, problems)
    if is_settled or isinstance(where, Keep):
        return where
    return replace(where, is_complete=False)


def own(view: ClusterView, node: str, problems: list[str]) -> Keep | Pointing:
    """Return where the names below a living node's own name should point, cordoned or not."""
    targets = _targets(node, view.nodes.get(node), problems)
    if not targets:
        return Keep("address_unknown", f"no public address of {node} is known")
    return Pointing(targets, f"addresses of {node}")


def _leader(view: ClusterView, leader: str, problems: list[str]) -> Keep | Pointing:
    if not leader:
        return Keep("nobody", "no node holds the lease lb-leader")
    holder = f"{leader}, which holds the lease lb-leader,"
    state = view.nodes.get(leader)
    if state is None or leader not in view.members:
        return Keep("address_unknown", f"{holder} is not known to this node yet")
    if not view.is_living(leader):
        return Keep("nobody", f"{holder} is not alive")
    if state.cordoned:
        return Keep("nobody", f"{holder} is cordoned")
    if state.ingress == "fails":
        return Keep("nobody", f"the ingress of {holder} does not answer")
    targets = _targets(leader, state, problems)
    if not targets:
        return Keep("address_unknown", f"no public address of {holder} is known")
    return Pointing(targets, f"{leader} holds the lease lb-leader")


def _all(view: ClusterView, problems: list[str]) -> Keep | Pointing:
    working = [
        node
        for node, state in sorted(view.nodes.items())
        if view.is_living(node) and not state.cordoned and state.ingress == "works"
    ]
    if not working:
        return Keep("nobody", "no living node that is not cordoned has an ingress that works")
    targets_of = {node: _targets(node, view.nodes[node], problems) for node in working}
    known = {node: targets for node, targets in targets_of.items() if targets}
    unknown = [node for node in working if node not in known]
    unheard = [node for node in view.members if view.is_living(node) and node not in view.nodes]
    if not known:
        return Keep("address_unknown", f"no public address of {', '.join(unknown)} is known")
    targets = _union(known, problems)
    why = f"the ingress of {', '.join(known)} works"
    if unknown:
        why += f"; the addresses of {', '.join(unknown)} are not known"
    return Pointing(targets, why, is_complete=not (unknown or unheard))


def _union(known: dict[str, tuple[Target, ...]], problems: list[str]) -> tuple[Target, ...]:
    """Return the targets of several nodes; a CNAME can stand neither by an address nor another."""
    addresses = {one for targets in known.values() for one in targets if one.type != "CNAME"}
    named = {node: targets[0] for node, targets in known.items() if targets[0].type == "CNAME"}
    used = addresses or {named[min(named)]}
    if left_out := [node for node, target in named.items() if target not in used]:
        problems.append(
            f"the domain does not point to {', '.join(left_out)}: a host name can be the only "
            'record of its name; give these nodes dns.addresses, or set dns.mode to "leader"'
        )
    return tuple(sorted(used))


def _targets(node: str, state: NodeState | None, problems: list[str]) -> tuple[Target, ...]:
    """Return the targets that a node published: addresses, or else one host name."""
    found = set()
    for published in state.public_addresses if state else ():
        try:
            found.add(_target(published))
        except ValueError:
            problems.append(
                f"{node} published {published!r:.80} as its public address, which is none: "
                "correct dns.addresses there"
            )
    addresses = sorted(one for one in found if one.type != "CNAME")
    names = sorted(one for one in found if one.type == "CNAME")
    if left_out := names if addresses else names[1:]:
        texts = ", ".join(one.content for one in left_out)
        problems.append(
            f"{node} published {texts} beside another public address, and it is left out: "
            "dns.addresses takes addresses, or one host name"
        )
    return tuple(addresses or names[:1])


def _target(published: str) -> Target:
    if not is_ip(published):
        return Target("CNAME", canonical_name(published))
    address = ipaddress.ip_address(published.partition("%")[0])  # a zone (RFC 4007) is local
    return Target("A" if address.version == 4 else "AAAA", str(address))
