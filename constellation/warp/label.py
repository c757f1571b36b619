"""The label of services whose requests must go through WARP."""

from __future__ import annotations

from collections.abc import Iterable

from messages.monitor import Label

WARP_LABEL = "network.warp.enabled"
_TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})  # as in Traefik's labels


def needs_warp(labels: Iterable[Label]) -> bool:
    """Return whether a service with these labels needs a working WARP gateway on its node."""
    return any(label.name == WARP_LABEL and label.value in _TRUE for label in labels)
