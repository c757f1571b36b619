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
Condition = Literal["running", "stopped", "paused", "created"]


@dataclass(frozen=True, slots=True)
class Container:
    """One container.  What it exposes is published too, unless it says otherwise.

    It answers requests at the ports in `listens`, by default the TCP ports that it exposes.
    """

    name: str
    labels: Mapping[str, str]
    exposed: tuple[str, ...] = ("80/tcp",)
    is_published: bool = True
    listens: tuple[int, ...] | None = None
    published_at: str = ""  # this address instead of the node's
    networks: tuple[str, ...] = ()  # user-defined; none: Docker's own bridge
    on_host_network: bool = False
    shares: str = ""  # the container whose network it shares
    check: Check = ""  # what its health check says; empty: it has none
    condition: Condition = "running"
    is_watched: bool = True  # whatever `traefik.enable` says

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP ports at which it answers."""
        if self.listens is not None or self.on_host_network:
            return self.listens or ()
        exposed = [port.split("/") for port in self.exposed]
        return tuple(int(number) for number, kind in exposed if kind == "tcp")


@dataclass(frozen=True, slots=True)
class Setup:
    """One or more containers that belong together.

    Attributes:
        probes: requests to compare beside those that its rules suggest: lines of
            `GET host/path | Header: value`.
        is_routed: Traefik makes at least one router.
        is_accepted: Traefik reports no error.
        is_asked: what its requests get does not depend on the moment.
    """

    name: str
    containers: tuple[Container, ...]
    probes: str = ""
    is_routed: bool = field(default=True, kw_only=True)
    is_accepted: bool = field(default=True, kw_only=True)
    is_asked: bool = field(default=True, kw_only=True)


def container(name: str, labels: str = "", *exposed: str, **how: Any) -> Container:
    """Return a container whose `labels` are lines of `name=value`; it is enabled unless they say.

    It exposes port 80 unless told otherwise, and nothing if told "".  `how` are fields of
    `Container`.
    """
    lines = [line.strip() for line in labels.splitlines() if line.strip()]
    read = {key: value for key, _, value in (line.partition("=") for line in lines)}
    ports = tuple(filter(None, exposed or ("80/tcp",)))
    return Container(name, {"traefik.enable": "true", **read}, ports, **how)


def one(name: str, labels: str = "", *exposed: str) -> Setup:
    """Return a set-up of one container of the same name."""
    return Setup(name, (container(name, labels, *exposed),))


def short(name: str, labels: str) -> str:
    """Return `labels` with `~` for the name of the set-up, and without the usual beginnings."""
    full = labels.replace("~", name)
    full = re.sub(r"(?m)^(\s*)(routers|services|middlewares)\.", r"\1traefik.http.\2.", full)
    return re.sub(r"(?m)^(\s*)(tcp|udp)\.", r"\1traefik.\2.", full)


def single(
    name: str,
    labels: str,
    *exposed: str,
    probes: str = "",
    is_routed: bool = True,
    is_accepted: bool = True,
    **how: Any,
) -> Setup:
    """Return a set-up of one unpublished container; `labels` and `probes` are `short`."""
    found = container(name, short(name, labels), *exposed, **_usual(how))
    asked = probes.replace("~", name)
    return Setup(name, (found,), asked, is_routed=is_routed, is_accepted=is_accepted)


def _usual(how: dict[str, Any]) -> dict[str, Any]:
    has_network = how.get("on_host_network") or how.get("shares")
    return {"is_published": False, "networks": () if has_network else ("proxy",), **how}


def several(name: str, *containers: Container, **how: Any) -> Setup:
    """Return a set-up of several containers; `how` are fields of `Setup`."""
    return Setup(name, containers, how.pop("probes", "").replace("~", name), **how)


def member(setup: str, name: str, labels: str = "", *exposed: str, **how: Any) -> Container:
    """Return an unpublished container of a set-up, called `setup-name`."""
    return container(f"{setup}-{name}", short(setup, labels), *exposed, **_usual(how))


def replicas(
    project: str, service: str, labels: str = "", *exposed: str, count: int = 3, **how: Any
) -> tuple[Container, ...]:
    """Return the replicas of a service of Docker Compose; `labels` are `short` for the project."""
    service = f"{project}-{service}"  # Traefik's names begin with it
    compose = f"""
        com.docker.compose.project={project}
        com.docker.compose.service={service}
        com.docker.compose.oneoff=False
    """
    return tuple(
        container(
            f"{project}-{service}-{number}",
            f"{compose}\ncom.docker.compose.container-number={number}\n{short(project, labels)}",
            *exposed,
            **{"is_published": False, "networks": (f"{project}_default",), **how},
        )
        for number in range(1, count + 1)
    )


def owner(name: str, setups: Mapping[str, Setup]) -> str:
    """Return the set-up that a router, service or middleware belongs to; empty: none."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    for count in range(len(words), 0, -1):
        candidate = "-".join(words[:count])
        if candidate in setups:
            return candidate
    return ""
