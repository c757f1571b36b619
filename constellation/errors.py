"""Every error the agent raises.  A message says what failed, why, and what to do."""

from __future__ import annotations


class ConstellationError(Exception):
    """Root of all errors raised on purpose; anything else is a bug."""


class ConfigError(ConstellationError):
    """A setting is missing or wrong.  Fatal at start: the operator must act."""


class WireError(ConstellationError):
    """A peer sent bytes we cannot accept.  Drop them, count them by `reason`, keep running."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class AdapterError(ConstellationError):
    """A system outside the agent failed (Docker, Cloudflare, Tailscale, disk).  Retry."""

    def __init__(self, what: str, *, why: str, fix: str) -> None:
        super().__init__(f"{what}: {why}; {fix}")
        self.what = what
        self.why = why
        self.fix = fix
