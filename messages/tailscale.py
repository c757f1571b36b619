"""Messages of Tailscale discovery."""

from pydantic import Field

from messages.base import Message


class SeedsFound(Message):
    """Name the hosts to join the cluster through, in place of those of the last message.

    Sent to `gossip` and `http`, and again when one of them was restarted.  No answer.
    """

    hosts: tuple[str, ...] = Field(max_length=256, description="IP addresses; may be none")
