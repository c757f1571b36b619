"""The part of a service in its host name `<service>.<domain>`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from constellation.settings.types import NAME_PATTERN

HOST_NAME_CHARACTERS_MAX = 253


def dns_label(name: str) -> str:
    """Return `name` as one label of a host name, as Traefik does; empty if that is impossible."""
    label = "-".join(re.findall(r"[a-z0-9]+", name.lower())) if name.isascii() else ""
    return label if NAME_PATTERN.fullmatch(label) else ""


def dns_labels(names: Sequence[str]) -> dict[str, str]:
    """Return the host name part of each service; empty if another service has it.

    A service whose name equals its host name part comes before others.
    """
    owners: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (dns_label(name) != name, name)):
        owners.setdefault(dns_label(name), name)
    return {name: dns_label(name) if owners[dns_label(name)] == name else "" for name in names}
