"""Every message, by feature.  Imports nothing of ours but its own modules.

A message can be decoded only where its class is registered.  An agent registers all of them before
its processes are forked; an operator's command imports the few that it exchanges.

Modules with models, here and of the settings, do without `from __future__ import annotations`: it
makes a text of each annotation, which pydantic would compile again at every start.

base          Message: frozen, strict, uniquely named; REGISTRY
lifecycle     an actor's start, directory, pings and stop; the supervisor's status
gossip        publishing this node's records, following the cluster's
monitor       what sources observe of services, what monitors conclude
warp          the WARP egress of a node
keyring       the gossip keys: orders, what each node has
leases        commands of the lease table, and what holders receive
dns           the operator's questions about DNS records
dns_calls     calls to the provider of DNS: zones, records, changes
tailscale     the nodes discovered in the tailnet
metrics       what each actor process counts
operator      what every request of an operator has in common
admin         the operator's questions about the status of nodes, and cordons
listings      the operator's questions about all nodes and all services
wellness      what does not work on a node: troubles that actors report
events        what happened on a node: the names of events, and the report of one
raft          what is in the Raft log and on the disk, and the packets between members
raft_member   what the Raft actor exchanges with other actors
raft_reports  the operator's questions about Raft and leases
routes        the operator's questions about routes
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules


@cache
def register_all() -> None:
    """Import every module of this package, so that every message can be decoded."""
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
