"""The admin actor: it answers operators, and publishes this node's record.

actor    the admin actor: a list of desks, and the relay of other actors' requests
shell    what all desks share: counters, refusals, and the state of its view
desk     the base of a desk: the messages it handles, its core, its effects
record   this node's own record, and the parts of its host
cordon   cordons: this node's, and orders for any node
cluster  the nodes, the services, and recent events
status   the status of this node and of all others
keyring  the keys that encrypt gossip
raft     the Raft cluster and its leases
"""
