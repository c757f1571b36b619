"""Whether an instance takes writes: the label `constellation.primary` says it, or its check does.

    constellation.primary=true     it is the primary, for as long as the label stands
    constellation.primary=false    it is a replica
    constellation.primary=health   its health check prints a line `role: primary` or `role: replica`

A line of Redis counts too (`INFO replication`: `role:master`, `role:slave`).  Nothing else that a
check prints is kept or passed on: it may hold secrets.
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
    """Return the role that the label names; empty if there is none, or the check says it."""
    return _BY_LABEL.get(_label_value(labels), "")


def is_role_of_check(labels: Mapping[str, str]) -> bool:
    """Tell whether the health check is to say the role."""
    return _label_value(labels) == "health"


def is_role_unknown(labels: Mapping[str, str]) -> bool:
    """Tell whether the label is there, and says nothing that has a meaning."""
    return _label_value(labels) not in {"", "health", *_BY_LABEL}


def role_of_check(state: Mapping[str, Any]) -> Role:
    """Return what the latest health check in `State` of an inspection said; empty: nothing.

    Docker keeps the log over a restart.  A check that began before the process did is of the life
    before, in which the instance may have been something else.
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
    # The names of labels are the same in any case, as for Traefik.
    values = (value for name, value in labels.items() if name.lower() == PRIMARY_LABEL)
    return next(values, "").strip().lower()


def _utc_s(text: Any) -> float | None:
    """Return Unix seconds of a time as Docker writes it, in whichever zone; None if it is none."""
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
