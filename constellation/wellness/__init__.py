"""Whether the cluster is well, and if not, why: the one place where that is decided.

Everything that says so asks `judge`: `constellation status`, `nodes`, `services`, `raft` and
`leases`, their exit codes, `/health`, and the metric that alerts use.  So they never contradict one
another.  "Well" means that a request for each service gets there, and that nothing is broken that
the next failure would need.

Degraded is what an operator should act on.  A node that left, its services, a service that its
user stopped, and a part of a host that nobody asked for are intended: they are notes, or nothing.

facts      what one node knows when it judges
judgement  the verdict: all problems, the worst first, and the notes
problem    one problem or note, and its area
nodes      members, agents that do not answer, cordons
services   services that should run, and whether requests get to them
routes     labels that are rejected, and Traefik on each node
raft       the members of Raft: who answers, who does not, and why
leases     leases that nobody holds
dns        nodes that no record in DNS can point to
hosts      actors, parts of hosts, and troubles that actors report
troubles   what the actors of one node report to be wrong
"""
