"""What systemd is told.  Nothing happens where the agent was not started by it."""

from __future__ import annotations

import sdnotify


def tell_systemd(state: str) -> None:
    """Send one state, e.g. `READY=1` or `STOPPING=1`."""
    sdnotify.SystemdNotifier().notify(state)
