"""One row of a listing of the containers (API 1.41, `GET /containers/json?all=1`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from constellation.monitor.container import CHECKS, Check, Container, Phase
from constellation.monitor.network_lender import LENDERS_MAX, lender_of
from constellation.value import Value

_PHASES: dict[str, Phase] = {"running": "running", "paused": "paused", "created": "created"}


class ContainerRow(Value):
    """What a row shows without an inspection.  `fingerprint` differs when anything has changed."""

    container_id: str
    name: str
    phase: Phase
    check: Check
    labels: Mapping[str, str]
    fingerprint: str
    lender: str = ""  # whose network it uses: an id, a short one, or a name

    def contradicts(self, known: Container) -> bool:
        """Return whether Docker should have sent an event between `known` and this row."""
        if self.phase != known.phase:
            return True
        return self.phase == "running" and self.check != known.health_check


def read_rows(listing: Iterable[Mapping[str, Any]]) -> dict[str, ContainerRow]:
    """Return the rows by container id.  A change of a lender also changes who uses its network."""
    rows = {row.container_id: row for row in map(read_row, listing)}
    by_name = {row.name: row for row in rows.values()}
    found: dict[str, ContainerRow] = {}
    for container_id, row in rows.items():
        prints, lender = [row.fingerprint], row.lender
        while lender and len(prints) <= LENDERS_MAX:
            lent_by = rows.get(lender) or by_name.get(lender) or _by_short_id(rows, lender)
            prints.append(lent_by.fingerprint if lent_by else "gone")
            lender = lent_by.lender if lent_by else ""
        found[container_id] = replace(row, fingerprint="\n".join(prints))
    return found


def _by_short_id(rows: Mapping[str, ContainerRow], short_id: str) -> ContainerRow | None:
    found = [row for container_id, row in rows.items() if container_id.startswith(short_id)]
    return found[0] if len(found) == 1 else None


def read_row(raw: Mapping[str, Any]) -> ContainerRow:
    """Return the row; a field that is not as Docker documents it counts as absent."""
    names = raw.get("Names")
    labels = raw.get("Labels")
    phase = _PHASES.get(str(raw.get("State")), "stopped")
    check = row_check(raw)
    host_config = raw.get("HostConfig")
    mode = host_config.get("NetworkMode", "") if isinstance(host_config, Mapping) else ""
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
        lender=lender_of(str(mode)),
    )


def row_check(raw: Mapping[str, Any]) -> Check:
    """Return the check result in the field `Health`, of API 1.52.

    Before, it is in a status such as 'Up 3 minutes (healthy)'.
    """
    health = raw.get("Health")
    if isinstance(health, Mapping) and health.get("Status"):
        return CHECKS.get(str(health["Status"]), "none")
    status = str(raw.get("Status", ""))
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
