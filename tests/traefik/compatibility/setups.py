"""Set-ups of containers as users write them: containers with their labels.

All names in the labels of a set-up begin with its own name, so that each element that Traefik shows
belongs to one set-up.  Entry points and elements of `@file` are in `rig`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Check = Literal["", "healthy", "unhealthy", "starting"]


@dataclass(frozen=True, slots=True)
class Container:
    """One container.  What it exposes is published too, unless it says otherwise."""

    name: str
    labels: Mapping[str, str]
    exposed: tuple[str, ...] = ("80/tcp",)
    is_published: bool = True
    networks: tuple[str, ...] = ()  # user-defined; none: Docker's own bridge
    on_host_network: bool = False
    check: Check = ""  # what its health check says; empty: it has none
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """One or more containers that belong together.  `is_routed`: at least one router is made."""

    name: str
    containers: tuple[Container, ...]
    is_routed: bool = field(default=True, kw_only=True)


def container(name: str, labels: str = "", *exposed: str, **how: Any) -> Container:
    """Return a container whose `labels` are lines of `name=value`; it is enabled unless they say.

    It exposes port 80 unless told otherwise; `how` are fields of `Container`.
    """
    lines = [line.strip() for line in labels.splitlines() if line.strip()]
    read = {key: value for key, _, value in (line.partition("=") for line in lines)}
    return Container(name, {"traefik.enable": "true", **read}, exposed or ("80/tcp",), **how)


def one(name: str, labels: str = "", *exposed: str) -> Setup:
    """Return a set-up of one container of the same name."""
    return Setup(name, (container(name, labels, *exposed),))


def owner(name: str, setups: Mapping[str, Setup]) -> str:
    """Return the set-up that a router, service or middleware belongs to; empty: none."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    for count in range(len(words), 0, -1):
        candidate = "-".join(words[:count])
        if candidate in setups:
            return candidate
    return ""
