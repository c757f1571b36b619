"""Raft, as pure cores: one module for each part of the paper.

quorum          what a majority has acknowledged, and what it has voted   (Raft §5.2, §5.3)
log             entries, conflicts, compaction                            (Raft §5.3, §7)
configuration   voters and learners, one change at a time                 (Raft thesis §4)
"""
