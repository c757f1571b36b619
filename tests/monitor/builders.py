"""Settings and observations for tests, with defaults."""

from __future__ import annotations

from typing import Any

from constellation.settings.agent import Settings
from messages.monitor import ServiceObservation


def settings(**fields: Any) -> Settings:
    return Settings(node_name="alpha", data_dir="/nonexistent", **fields)


def observation(service: str = "web", **fields: Any) -> ServiceObservation:
    known: dict[str, Any] = {
        "source": "docker",
        "instance": f"{service}-id",
        "running": True,
        "check": "none",
    }
    return ServiceObservation(service=service, **{**known, **fields})
