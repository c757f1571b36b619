"""The signal that asks a container to stop, and how long Docker waits for its end."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any

DRAIN_S = 15.0  # by default, Docker kills after 10 s
DRAIN_MARGIN_S = 5.0
DRAIN_S_MAX = 600.0  # also where Docker is configured to wait for ever

_REALTIME = re.compile(r"RTMIN(?:\+(\d{1,2}))?|RTMAX(?:-(\d{1,2}))?")
_REALTIME_MIN, _REALTIME_MAX = 34, 64  # as Docker numbers them on Linux


def signal_number(text: str) -> int:
    """Return the number of a signal as Docker writes it: `15`, `SIGTERM`, `term`, `SIGRTMIN+3`.

    Unknown signals return 0.
    """
    word = text.strip().upper().removeprefix("SIG")
    if word.isascii() and word.isdecimal():
        return int(word[:4])
    realtime = _REALTIME.fullmatch(word)
    if realtime and word.startswith("RTMIN"):
        return _REALTIME_MIN + int(realtime[1] or 0)
    if realtime:
        return _REALTIME_MAX - int(realtime[2] or 0)
    known = signal.Signals.__members__.get(f"SIG{word}")
    return known.value if known else 0


def stop_signal(config: Mapping[str, Any]) -> int:
    """Return the stop signal in a container's `Config`; the default is SIGTERM."""
    return signal_number(str(config.get("StopSignal") or "SIGTERM"))


def drain_limit_s(config: Mapping[str, Any]) -> float:
    """Return after how many seconds a container with this `Config` has ignored the signal."""
    timeout_s = config.get("StopTimeout")
    if timeout_s is None:
        return DRAIN_S
    timeout_s = float(timeout_s)
    if timeout_s < 0:
        return DRAIN_S_MAX
    return min(max(DRAIN_S, timeout_s + DRAIN_MARGIN_S), DRAIN_S_MAX)
