"""One event of the Docker Engine (API 1.41, `GET /events`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from constellation.monitor.role import is_role_of_check
from constellation.value import Value

CONTAINER_ACTIONS = (
    "create",
    "start",
    "restart",
    "die",
    "stop",
    "pause",
    "unpause",
    "rename",
    "update",
    "destroy",
    "health_status",
    "kill",
    "exec_die",
)
NETWORK_ACTIONS = ("connect", "disconnect")


class ContainerEvent(Value):
    """What happened to one container.  `labels` also has the other attributes of the event."""

    action: str  # one of `CONTAINER_ACTIONS`, or of `NETWORK_ACTIONS` prefixed with 'network_'
    container_id: str
    argument: str  # of 'health_status': the status; of 'die': the exit code; of 'kill': the signal
    labels: Mapping[str, str]


def read_event(raw: Mapping[str, Any]) -> ContainerEvent | None:
    """Return the event in one object of the stream; None if it does not concern a container.

    The end of an `exec` matters only if it may be the health check that reports a role.
    """
    actor = raw.get("Actor")
    actor = actor if isinstance(actor, Mapping) else {}
    attributes = actor.get("Attributes")
    attributes = attributes if isinstance(attributes, Mapping) else {}
    action, _, argument = str(raw.get("Action", "")).partition(": ")
    if raw.get("Type") == "network" and action in NETWORK_ACTIONS:
        container_id = str(attributes.get("container", ""))
        return ContainerEvent(f"network_{action}", container_id, "", {}) if container_id else None
    if raw.get("Type") != "container" or action not in CONTAINER_ACTIONS or not actor.get("ID"):
        return None
    if action == "die":
        argument = str(attributes.get("exitCode", "?"))
    if action == "kill":
        argument = str(attributes.get("signal", ""))
    labels = {str(name): str(value) for name, value in attributes.items()}
    if action == "exec_die" and not is_role_of_check(labels):
        return None
    return ContainerEvent(action, str(actor["ID"]), argument, labels)
