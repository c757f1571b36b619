"""`constellation keygen`: a new cluster key, without an agent."""

from __future__ import annotations

from constellation.cli.session import write


def keygen() -> None:
    """Print a new cluster key."""
    from actors.adapters.cluster_key import new_cluster_key  # noqa: PLC0415 - loads slowly

    write(f"{new_cluster_key()}\n")
