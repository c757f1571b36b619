"""What a listing says of a container, in the form of an inspection.

It stands in for an inspection that does not answer.  A row has the name, labels, ports, networks
and, as a word, the health of a container; it lacks when it was started, and what its check says.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

from constellation.monitor.container_row import row_check
from constellation.monitor.network_lender import with_lenders

Row = Mapping[str, Any]

_HEALTH = {"passing": "healthy", "failing": "unhealthy", "starting": "starting"}
_EXITED = re.compile(r"Exited \((\d{1,3})\)")


# What reading a row raises that is not as Docker documents it.
_UNKNOWN_FORMAT = (ValueError, TypeError, LookupError, AttributeError, OverflowError, OSError)


def row_inspection(row: Row, rows: Mapping[str, Row]) -> dict[str, Any] | None:
    """Return the container of `row` as an inspection has it; `rows` are all, by id.

    A row that is not as Docker documents it tells nothing: None.
    """
    try:
        return with_lenders(_inspection(row), lambda reference: _found(reference, rows))
    except _UNKNOWN_FORMAT:
        return None


def _found(reference: str, rows: Mapping[str, Row]) -> dict[str, Any] | None:
    for container_id, row in rows.items():
        if container_id.startswith(reference) or f"/{reference}" in row["Names"]:
            return _inspection(row)
    return None


def _inspection(row: Row) -> dict[str, Any]:
    created = datetime.datetime.fromtimestamp(int(row.get("Created") or 0), datetime.UTC)
    ports = row.get("Ports") or []
    return {
        "Id": row["Id"],
        "Name": row["Names"][0],
        "Created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "State": _state(row),
        "Config": {
            "Image": row.get("Image", ""),
            "Labels": row.get("Labels") or {},
            "ExposedPorts": {_port(one): {} for one in ports},
        },
        "HostConfig": row.get("HostConfig") or {},
        "NetworkSettings": {
            "Networks": (row.get("NetworkSettings") or {}).get("Networks") or {},
            "Ports": _published(ports),
        },
    }


def _state(row: Row) -> dict[str, Any]:
    status = str(row["State"])
    exited = _EXITED.match(str(row.get("Status", "")))
    health = _HEALTH.get(row_check(row), "")
    return {
        "Status": status,
        "Running": status in {"running", "paused"},
        "Paused": status == "paused",
        "Restarting": status == "restarting",
        "ExitCode": exited[1] if exited else "?",
        **({"Health": {"Status": health}} if health else {}),
    }


def _published(ports: list[Mapping[str, Any]]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for one in ports:
        if one.get("PublicPort"):
            binding = {"HostIp": str(one.get("IP") or ""), "HostPort": str(one["PublicPort"])}
            found.setdefault(_port(one), []).append(binding)
    return found


def _port(one: Mapping[str, Any]) -> str:
    return f"{one['PrivatePort']}/{one.get('Type', 'tcp')}"
