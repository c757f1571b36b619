"""Reports as a program reads them: the fields of the message, in JSON, and nothing else.

Names and meaning are those of `messages/admin.py`.  Fields may be added; none is renamed.
"""

from __future__ import annotations

import json

from messages.base import Message


def document(report: Message) -> str:
    """Return one JSON object with a line's end.  It is ASCII, whatever the terminal speaks."""
    return json.dumps(report.model_dump(mode="json"), indent=2) + "\n"
