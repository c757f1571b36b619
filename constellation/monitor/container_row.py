"""One row of a listing of the containers (API 1.41, `GET /containers/json?all=1`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from constellation.monitor.container import Check, Container, Phase

_PHASES: dict[str, Phase] = {"running": "running", "paused": "paused", "created": "created"}


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """What a row shows without an inspection.  `fingerprint` differs when anything has changed."""

    container_id: str
    name: str
    phase: Phase
    check: Check
    labels: Mapping[str, str]
    fingerprint: str

    def contradicts(self, known: Container) -> bool:
        """Return whether Docker should have sent an event between `known` and this row."""
        if self.phase != known.phase:
            return True
        return self.phase == "running" and self.check != known.observation.check


def read_row(raw: Mapping[str, Any]) -> ContainerRow:
    """Return the row; a field that is not as Docker documents it counts as absent."""
    names = raw.get("Names")
    labels = raw.get("Labels")
    phase = _PHASES.get(str(raw.get("State")), "stopped")
    check = _check(str(raw.get("Status", "")))
    unchanging = [raw.get(key) for key in ("State", "Names", "Ports", "Labels", "NetworkSettings")]
    return ContainerRow(
        container_id=str(raw.get("Id", "")),
        name=str(names[0]).lstrip("/") if isinstance(names, list) and names else "",
        phase=phase,
        check=check,
        labels={str(name): str(value) for name, value in labels.items()}
        if isinstance(labels, Mapping)
        else {},
        # Not the status: it contains the uptime, which always differs.
        fingerprint=_canonical([*unchanging, check]),
    )


def _check(status: str) -> Check:
    """Return the check result in a status such as 'Up 3 minutes (healthy)'."""
    if "(unhealthy)" in status:
        return "failing"
    if "(healthy)" in status:
        return "passing"
    return "starting" if "(health: starting)" in status else "none"


def _canonical(value: Any) -> str:
    """Return a text that is equal for equal values, regardless of the order of lists and maps."""
    if isinstance(value, Mapping):
        return str(sorted((str(key), _canonical(item)) for key, item in value.items()))
    if isinstance(value, list):
        return str(sorted(_canonical(item) for item in value))
    return repr(value)
