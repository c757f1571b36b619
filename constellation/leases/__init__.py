"""Leases that two nodes never hold at once (Leases, Gray & Cheriton 1989; fencing, Kleppmann 2016).

clock        the type of a CLOCK_BOOTTIME reading, the only clock that leases are measured on
policy       the times, and why they are safe
table        the replicated state machine: who holds which lease; driven by Raft's log
keeper       one node's side: acquires, renews, releases, expires
subscribers  the actors of this node that act on leases, and who still has to let go
view         who holds which lease, as Raft reports it
manager      keeper and subscribers together: the core of the `leases` actor
holder       one actor's side: the only way to act on a lease
hooks        programs that run when this node acquires or loses a lease
effects      what these cores ask their shells to do
"""
