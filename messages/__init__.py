"""Every message, by feature.  Imports nothing of ours.

base          Message: frozen, strict, uniquely named; REGISTRY
lifecycle     an actor's start, its neighbours, being watched
gossip        publishing this node's records, following the cluster's
monitor       what sources observe of services, what monitors conclude
warp          the WARP egress of a node
keyring       the gossip keys: orders, what each node has
metrics       what each actor process counts
operator      what requests of operators have in common
admin         the operator's questions and their answers
events        what happened on a node: the names of events, and the report of them
raft_reports  those about Raft and leases
routes        those about routes
"""

from messages import (
    admin,
    base,
    events,
    gossip,
    keyring,
    lifecycle,
    metrics,
    monitor,
    operator,
    raft_reports,
    routes,
    warp,
)

__all__ = [
    "admin",
    "base",
    "events",
    "gossip",
    "keyring",
    "lifecycle",
    "metrics",
    "monitor",
    "operator",
    "raft_reports",
    "routes",
    "warp",
]
