"""Messages of Tailscale discovery."""

from __future__ import annotations

from pydantic import Field

from messages.base import Message


class SeedsFound(Message):
    """Name hosts to join the cluster through; those of the last message count no more.

    Sent to `gossip` and `http`, to each again when it was restarted.  No answer.
    """

    hosts: tuple[str, ...] = Field(max_length=256, description="IP addresses; may be none")
