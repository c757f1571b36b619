"""The admin actor: answers the operator, and tells the cluster about this node.

actor   status, nodes, services, events and gossip keys
shell   what all its parts share
raft    Raft members and leases
cordon  cordons
routes  `explain` and `rejected`, passed on to the HTTP actor
"""
