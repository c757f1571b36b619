"""Reports as a program reads them: the fields of the message, in JSON, and nothing else.

Names and meaning are those of the message classes.  Fields may be added; none is renamed.
"""

from __future__ import annotations

import json
from typing import Any, Protocol


class Dumpable(Protocol):
    """A message, or anything else that returns its fields."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return the fields."""


def document(report: Dumpable) -> str:
    """Return one JSON object and a newline, in ASCII for every terminal."""
    return json.dumps(report.model_dump(mode="json"), indent=2) + "\n"
