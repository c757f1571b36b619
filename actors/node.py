"""This process's settings and cluster key.

Set once by `start.py` before the actor system exists; every actor process is forked from there
and inherits them in memory.  So secrets reach the actors without ever being in a message.
"""

from __future__ import annotations

from datetime import UTC, datetime

from constellation.errors import ConstellationError
from constellation.settings.agent import Settings

_settings: list[Settings] = []
_cluster_key: list[bytes] = []
_started_at_utc_s: list[float] = []


def set_settings(settings: Settings) -> None:
    """Make `settings` those of this process and of every process forked from it later."""
    _settings[:] = [settings]
    _started_at_utc_s[:] = [datetime.now(UTC).timestamp()]


def started_at_utc_s() -> float:
    """Return when the agent started, in Unix seconds; 0 if it did not."""
    return _started_at_utc_s[0] if _started_at_utc_s else 0.0


def settings() -> Settings:
    """Return the settings of this process.

    Raises:
        ConstellationError: nobody has set them: the process was not started by `start.py`.
    """
    if not _settings:
        raise ConstellationError(
            "this process has no settings: actors are started by constellation.start only"
        )
    return _settings[0]


def set_cluster_key(key: bytes) -> None:
    """Make `key` the cluster key of this process and of every process forked from it later."""
    _cluster_key[:] = [key]


def cluster_key() -> bytes:
    """Return the secret that all nodes share; derive a key of your own from it for each use.

    Raises:
        ConstellationError: nobody has set it, as with `settings`.
    """
    if not _cluster_key:
        raise ConstellationError(
            "this process has no cluster key: actors are started by constellation.start only"
        )
    return _cluster_key[0]
