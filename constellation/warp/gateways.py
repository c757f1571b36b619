"""The containers that are WARP gateways, as Docker shows them.

An operator names a gateway by the exact name of its container, or several by a label NAME=VALUE,
which no name of a container can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from constellation.monitor.docker_event import ContainerEvent
from constellation.value import Value

GATEWAYS_MAX = 8  # on one node
_MOVES = frozenset({"start", "die", "pause", "unpause", "destroy", "rename"})


class Found(Value):
    """The container of a gateway."""

    name: str
    container_id: str
    why_down: str  # why no command can be run in it; empty: it runs


def is_label(target: str) -> bool:
    """Return whether a target is a label."""
    return "=" in target


def read_found(raw: Mapping[str, Any]) -> Found:
    """Return the container in an inspection of Docker (API 1.41)."""
    state = raw.get("State")
    state = state if isinstance(state, Mapping) else {}
    name = str(raw.get("Name") or "").removeprefix("/")
    return Found(name, str(raw.get("Id") or ""), _why_down(state))


def _why_down(state: Mapping[str, Any]) -> str:
    status = str(state.get("Status") or "not known")
    if status == "running":
        return ""
    code = f" with code {state.get('ExitCode', '?')}" if status == "exited" else ""
    return f"its container does not run: {status}{code}"


def missing(target: str) -> str:
    """Return what is wrong with a target of which there is no container."""
    if is_label(target):
        return f"no container has the label {target}"
    return "there is no container of that name"


def moved_gateway(targets: Iterable[str], event: ContainerEvent) -> str:
    """Return the name of the gateway that an event is about; empty: of none, or it stays as it is.

    The attributes of an event are the labels of the container, its name, and the one it had.
    """
    if event.action not in _MOVES:
        return ""
    name = event.labels.get("name", "")
    names = {name, event.labels.get("oldName", "").removeprefix("/")}
    for target in targets:
        label, _, value = target.partition("=")
        is_meant = event.labels.get(label) == value if is_label(target) else target in names
        if is_meant:
            return name[:128]
    return ""
