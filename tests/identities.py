"""Identities of test nodes, the same in each run."""

from __future__ import annotations

import hashlib

from constellation.gossip.identity import Identity


def identity_of(node_name: str, *, key: str = "") -> Identity:
    """Return the identity of a node; with another `key`, of one that took its name."""
    private_key = hashlib.blake2b(f"{node_name}/{key}".encode(), digest_size=32).digest()
    return Identity(node_name, private_key)
