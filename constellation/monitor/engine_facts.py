"""What the Docker Engine says of itself (API 1.41, `GET /info`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DESKTOP = "Docker Desktop"
ROOTLESS = "name=rootless"


def unreached_why(info: Mapping[str, Any]) -> str:
    """Return why its host does not reach containers at their own addresses; empty: it does.

    Their networks are then in a namespace of the engine's user, or in a virtual machine.
    """
    options = info.get("SecurityOptions")
    if isinstance(options, list) and any(str(one).startswith(ROOTLESS) for one in options):
        return "Docker runs rootless here, so its host does not reach a container's own address"
    if info.get("OperatingSystem") == DESKTOP:
        return "Docker Desktop runs here, whose host does not reach a container's own address"
    return ""
