"""Host names of services: their part of `<service>.<domain>`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from constellation.settings.types import NAME_PATTERN

HOST_NAME_CHARACTERS_MAX = 253


def dns_label(name: str) -> str:
    """Return `name` as one part of a host name, as Traefik does; empty if it cannot be one."""
    label = "-".join(re.findall(r"[a-z0-9]+", name.lower())) if name.isascii() else ""
    return label if NAME_PATTERN.fullmatch(label) else ""


def dns_labels(names: Sequence[str]) -> dict[str, str]:
    """Return the host name part of each service; empty for one whose part is taken.

    A service that is called like its part has it before others.
    """
    owners: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (dns_label(name) != name, name)):
        owners.setdefault(dns_label(name), name)
    return {name: dns_label(name) if owners[dns_label(name)] == name else "" for name in names}
