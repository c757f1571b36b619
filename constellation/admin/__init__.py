"""What an operator is told.

status_round   asking them how they are: how long, and for whom
keyring_round  an order about the gossip keys to all of them
raft_round     asking Raft how it is and who holds the leases, and giving it orders
raft_refusals  why one of that is not answered
problems       what of all that is degraded, and what is only worth a note
reports        the cluster's view and those answers -> the reports of `messages.admin`
raft_report    what Raft members say -> one view of their cluster
leases_report  the lease table -> who holds what
raft_news      who leads and holds what, as told last
history        what happened lately
words          text that is safe on a terminal, time spans and sizes
tables         reports -> what a person reads; so do keyring_table and raft_tables
documents      reports -> what a program reads
"""
