"""Identities of test nodes, the same in each run."""

from __future__ import annotations

import hashlib

from constellation.gossip.identity import Identity


def private_key_of(node_name: str, *, key: str = "") -> bytes:
    """Return what is in the data directory of a node."""
    return hashlib.blake2b(f"{node_name}/{key}".encode(), digest_size=32).digest()


def identity_of(node_name: str, *, key: str = "") -> Identity:
    """Return the identity of a node; with another `key`, of one that took its name."""
    return Identity(node_name, private_key_of(node_name, key=key))
