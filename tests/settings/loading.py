"""Load settings as the agent does, or return the error message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from constellation.errors import ConfigError
from constellation.settings.agent import Settings
from constellation.settings.source import load_settings

KEY = "a-secret-that-nobody-must-read-anywhere"


def load(
    *assignments: str, file: str | Path | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    return load_settings(
        config_file=str(file) if file else None, assignments=assignments, environ=environ or {}
    )


def said_of(
    *assignments: str, file: str | Path | None = None, environ: Mapping[str, str] | None = None
) -> str:
    """Return what a refusal says; "" when there is none."""
    try:
        load(*assignments, file=file, environ=environ)
    except ConfigError as error:
        return str(error)
    return ""
