"""Clusters of three members that `bench.raft` measures one after another."""
