"""What a core may ask its shell to do.  A core that needs another verb defines it beside itself."""

from __future__ import annotations

from typing import Any

from msgspec import field

from constellation.value import Value
from messages.base import Message


class Send(Value):
    """Deliver `message` to the local actor named `to`.  May be lost: cores must not mind."""

    to: str
    message: Message


class Note(Value):
    """One structured log event and its counter: `Note("member_suspected", {"node": "alpha"})`.

    The shell logs it at `level` and increments `constellation_<feature>_events_total{event=}`.
    """

    event: str
    fields: dict[str, Any] = field(default_factory=dict)
    level: str = "info"
