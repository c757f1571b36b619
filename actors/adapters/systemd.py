"""Notifications to systemd.  They have no effect if systemd did not start the agent."""

from __future__ import annotations

import sdnotify


def notify_systemd(state: str) -> None:
    """Send one state, e.g. `READY=1` or `STOPPING=1`."""
    sdnotify.SystemdNotifier().notify(state)
