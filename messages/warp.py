"""Messages of the WARP egress: whether a node's gateway reaches the outside."""

from typing import Literal

from pydantic import Field

from messages.base import Message

WarpHealth = Literal["healthy", "unhealthy", "unknown"]
# What failed, in the order in which a probe goes through it.
WarpStep = Literal[
    "docker",  # Docker does not answer
    "container",  # there is no such container, or it does not run
    "exec",  # Docker refuses to run a command in it
    "client",  # it has neither curl nor wget
    "egress",  # no page answers through it
    "page",  # a page answers, but is no trace page
    "warp",  # the trace page says that the request did not come through WARP
    "leak",  # the request came from the host's own address
    "address",  # only services of addresses answer, and the host's own address is not known
]


class WarpState(Message):
    """One node's WARP egress as that node judges it.  Published by gossip."""

    gateway: str = Field(min_length=1, max_length=128)
    health: WarpHealth
    reason: str = Field(default="", max_length=512)
    egress_ip: str = Field(default="", description="public address of the egress; empty: unknown")
    step: WarpStep | Literal[""] = Field(default="", description="what failed; empty: nothing")
    note: str = Field(default="", max_length=256, description="what is unusual, for people")


class GatewayMoved(Message):
    """State that the container of a gateway started, ended or changed otherwise.

    Sent by `docker` to `warp`, which probes it at once.  No answer.
    """

    gateway: str = Field(min_length=1, max_length=128)
    action: str = Field(max_length=32, description="as in Docker's event, e.g. 'die'")
