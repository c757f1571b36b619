"""The admin actor: it answers operators, and publishes this node's record.

actor    the admin actor: a list of desks, and the relay of other actors' requests
shell    what all desks share: counters, refusals, and the state of its view
desk     the base of a desk: the messages it handles, its core, its effects
record   this node's own record, and the parts of its host
cordon   cordons: this node's, and orders for any node
cluster  the nodes, the services, and recent events
leases   who leads, and who holds which lease
gathering  the facts about the cluster: the status of this node and of all others
status   the status of the cluster, also for `/health` and the metrics
keyring  the keys that encrypt gossip
raft     the Raft cluster and its leases
explain  questions about routes that need what other nodes report
"""
