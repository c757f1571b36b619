"""Answers to operators: the cores of the admin actor, and the reports as text and as JSON.

round           scatter and gather: questions to nodes, for several askers
cordon          a cordon, its file, and what follows from it
cordon_round    orders to cordon nodes
raft_round      requests about Raft, and orders to it
raft_refusals   why a request about Raft is refused
history         recent events
reports         the status, the nodes and the services
keyring_report  the gossip keys of all nodes
raft_report     the Raft cluster
dns_tables      the DNS records, for people
lease_view      the leases and their holders
subject         the host name in what an operator pastes
words           text that is safe on a terminal, durations, sizes and lists
tables          the status, nodes, services and events as a person reads them
keyring_table   the gossip keys as a person reads them
raft_tables     Raft and its leases as a person reads them
route_tables    routes as a person reads them
documents       every report as a program reads it
"""
