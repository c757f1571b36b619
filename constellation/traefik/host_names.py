"""The part of a service in its host name `<service>.<domain>`.

No two services ever have the same: a name that another one needs, or that does not fit into a host
name as it is, gets a digest at its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from constellation.settings.types import NAME_PATTERN
from constellation.traefik.elements import Owner, digest

HOST_NAME_CHARACTERS_MAX = 253
_LABEL_CHARACTERS_MAX = 63
_DIGEST_CHARACTERS = 8


@lru_cache(maxsize=8192)
def dns_label(name: str) -> str:
    """Return `name` as one label of a host name, as Traefik does; empty if that is impossible."""
    label = _usable(name)
    return label if NAME_PATTERN.fullmatch(label) else ""


@lru_cache(maxsize=8192)
def distinct_label(owner: Owner) -> str:
    """Return a label that no other owner has; empty if the name has no usable characters."""
    end = "-" + digest(*owner)[:_DIGEST_CHARACTERS]
    start = _usable(owner.service)[: _LABEL_CHARACTERS_MAX - len(end)].rstrip("-")
    return start + end if start else ""


def dns_labels(owners: Iterable[Owner]) -> dict[Owner, str]:
    """Return the host name part of each owner; empty if it can have none.

    A service whose name equals its host name part comes before others.
    """
    labels: dict[Owner, str] = {}
    taken = {""}
    for _, _, owner, usual in sorted(map(_with_precedence, owners)):
        plain = "" if owner.program else usual
        label = distinct_label(owner) if plain in taken else plain
        labels[owner] = "" if label in taken else label
        taken.add(label)
    return labels


def _with_precedence(owner: Owner) -> tuple[bool, bool, Owner, str]:
    """Return an owner after what orders it, with the usual label of its service."""
    usual = dns_label(owner.service)
    return bool(owner.program), usual != owner.service, owner, usual


def _usable(name: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", name.lower())) if name.isascii() else ""
