"""Whether records in DNS can follow the cluster.

Here is what no single node says: each node reports why its own public address is not known, and the
node that writes reports zones that fail and records of others that stand in the way.
"""

from __future__ import annotations

from collections.abc import Iterator

from constellation.dns.intents import Keep
from constellation.dns.pointing import front
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Problem

_ACTOR = "dns"


def problems(facts: Facts) -> Iterator[Problem]:
    """Yield the nodes that no record can point to, and that a domain has nowhere to point to."""
    if not facts.dns_mode or not facts.view.known:
        return
    for node in _without_address(facts):
        text = (
            f"no record can point to {node}, whose ingress works: it publishes no public address; "
            "set dns.zones there as on the other nodes, and dns.addresses if it cannot be found"
        )
        yield Problem("host", text)
    if facts.dns_mode == "all":  # otherwise whoever holds lb-leader, or nobody, is judged already
        where = front(facts.view, "", "all", [])
        if isinstance(where, Keep) and where.reason == "nobody":
            yield Problem("host", f"the domain's DNS records stay as they are: {where.why}")


def _without_address(facts: Facts) -> Iterator[str]:
    """Yield the nodes that should be pointed to, and whose own `dns` actor cannot say why not."""
    for node, state in sorted(facts.view.nodes.items()):
        is_wanted = facts.dns_mode == "all" or node == facts.lb_leader
        status = facts.by_node.get(node)
        if not is_wanted or status is None or any(one.name == _ACTOR for one in status.actors):
            continue
        is_usable = facts.view.is_living(node) and not state.cordoned and state.ingress == "works"
        if is_usable and not state.public_addresses:
            yield node
