"""Messages of the WARP egress: whether a node's gateway reaches the outside."""

from typing import Literal

from pydantic import Field

from messages.base import Message


class WarpState(Message):
    """One node's WARP egress as that node judges it.  Published by gossip."""

    gateway: str = Field(min_length=1, max_length=128)
    health: Literal["healthy", "unhealthy", "unknown"]
    reason: str = Field(default="", max_length=512)
    egress_ip: str = Field(default="", description="public address of the egress; empty: unknown")
