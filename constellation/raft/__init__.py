"""Raft, as pure cores: one module for each part of the paper, and what surrounds it on a node.

The protocol, with `node` as its entry point:

node             one Raft node: `step` for a message, `tick` for time     (Raft §5)
roles            follower, candidate, leader: one table of transitions    (Raft §5.1)
quorum           what a majority has acknowledged, and how it has voted   (Raft §5.2, §5.3)
log              entries, conflicts, compaction                           (Raft §5.3, §7)
configuration    voters and learners, one change at a time                (Raft thesis §4)
state            what a member knows in every role                        (Raft §5.1)
election         timeouts, pre-votes, votes                               (Raft §5.2, thesis §9.6)
following        how entries and snapshots are accepted                   (Raft §5.3, §7)
leadership       one term as the leader: commits, changes, reads          (Raft §5.4.2, §6, §8)
proofs           proofs that a node leads, which renew leases              (thesis §6.4.1)
progress         what the leader knows of one follower
replication      what the leader sends to one follower
policy           timeouts and limits
effects          what the protocol asks for

What is durable:

disk             what a member finds on its disk when it starts
journal          all of it, as bytes of one file that only grows
journal_records  the format of the file: header, records, checksums
journal_state    the content of the file, and the invariants it must keep

Around the protocol, with `host` as its entry point:

host             all of it as the shell sees it: inbox, disk, lease table, serving or refusing
batch            what one round of work asks of the shell, in which order
member           one node as a member of a cluster, or of none yet
bootstrap        how a cluster begins, exactly once
fallen_back      voters that come back with less than they had
steward          which node should be a member, vote or lead
upkeep           its steps, as the leader carries them out
roster           the nodes, as gossip reports them
other_clusters   clusters that never merge with this one
packets          protocol messages between nodes
asked            proposals and orders that wait for an answer
reads            reads that wait for an answer
health           how a member is, in words
status           how a member is, in numbers
chronicle        changes of leader, members and leases, as events
"""
