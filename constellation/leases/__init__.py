"""Leases that two nodes never hold at once (Leases, Gray & Cheriton 1989; fencing, Kleppmann 2016).

`table` is what all agree on, the state machine that Raft drives; `policy` the times and why they
are safe; `keeper` what one node does: acquire, renew, release, expire; `guard` what a subscriber
asks before each act.
"""
