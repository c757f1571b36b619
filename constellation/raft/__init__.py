"""Raft, as pure cores: one module for each part of the paper, and what is around it on a node.

The protocol, `node` at its head:
quorum          what a majority has acknowledged, and what it has voted   (Raft §5.2, §5.3)
log             entries, conflicts, compaction                            (Raft §5.3, §7)
configuration   voters and learners, one change at a time                 (Raft thesis §4)
state           what a member knows in every role                         (Raft §5.1)
election        timeouts, pre-votes, votes                                (Raft §5.2, thesis §9.6)
following       taking entries and snapshots                              (Raft §5.3, §7)
leadership      one term as the leader: commits, changes, reads           (Raft §5.4.2, §6, §8)
progress        what the leader knows of one follower; `replication` what it sends it
roles           follower, candidate, leader: one table of all transitions        (Raft §5.1)
effects         what the shell is asked for

On disk: journal, journal_records, journal_state, disk.

Around it, `host` at its head:
host            all of it as the shell sees it: inbox, disk, lease table, serving or refusing
batch           what one round of work asks of the shell, and the law of its order
member          one node as a member: of no cluster, or of one
bootstrap       how a cluster begins, once
roster          the nodes, as gossip knows them
steward         which node should be a member, vote, lead; `member` takes the steps
packets         messages between nodes
asked, reads    who waits for what
other_clusters  those that never merge with ours
condition       how it is, in words; `status` in numbers, `chronicle` as events
"""
