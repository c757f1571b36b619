"""Whether an instance takes writes, by the label `constellation.primary` or by its health check.

    constellation.primary=true     it is the primary
    constellation.primary=false    it is a replica
    constellation.primary=health   its health check prints a line `role: primary` or `role: replica`

The lines of Redis count too (`INFO replication`: `role:master`, `role:slave`).  Nothing else that
a check prints is stored or published: it may contain secrets.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

from messages.monitor import Role

PRIMARY_LABEL = "constellation.primary"

_BY_LABEL: dict[str, Role] = {"true": "primary", "false": "replica"}
_BY_WORD: dict[str, Role] = {
    "primary": "primary",
    "master": "primary",
    "replica": "replica",
    "slave": "replica",
}
_ROLE_LINE = re.compile(r"role:[ \t]*(primary|master|replica|slave)", re.IGNORECASE)


def role_of_label(labels: Mapping[str, str]) -> Role:
    """Return the role in the label; empty if it has none, or if the check reports the role."""
    return _BY_LABEL.get(_label_value(labels), "")


def is_role_of_check(labels: Mapping[str, str]) -> bool:
    """Return whether the health check reports the role."""
    return _label_value(labels) == "health"


def is_role_unknown(labels: Mapping[str, str]) -> bool:
    """Return whether the label has an unknown value."""
    return _label_value(labels) not in {"", "health", *_BY_LABEL}


def role_of_check(state: Mapping[str, Any]) -> Role:
    """Return the role that the latest health check in `State` of an inspection reports; or empty.

    Docker keeps the log of checks over a restart.  A check that started before the process belongs
    to the previous run, in which the instance may have had another role.
    """
    log = (state.get("Health") or {}).get("Log") or [{}]
    began_s, started_s = _utc_s(log[-1].get("Start")), _utc_s(state.get("StartedAt"))
    if began_s is not None and started_s is not None and began_s < started_s:
        return ""
    for line in reversed(str(log[-1].get("Output", "")).splitlines()):
        found = _ROLE_LINE.fullmatch(line.strip())
        if found:
            return _BY_WORD[found[1].lower()]
    return ""


def _label_value(labels: Mapping[str, str]) -> str:
    # Label names are case-insensitive, as for Traefik.
    values = (value for name, value in labels.items() if name.lower() == PRIMARY_LABEL)
    return next(values, "").strip().lower()


def _utc_s(text: Any) -> float | None:
    """Return Docker's timestamp, in any time zone, as Unix seconds; None if it is not valid."""
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
