"""Messages of the gossip keys: orders of the operator, and what each node answers.

Keys are sent only sealed with the cluster key; people refer to a key by its id.
"""

from typing import Literal

from pydantic import Field

from messages.base import Message

KeyringAction = Literal["list", "install", "use", "remove"]


class KeyringOrder(Message):
    """Ask for a change of gossip keys.

    Sent to `admin`, it applies to all nodes; answered by `KeyringReport`.  Sent to `gossip`, it
    applies to that node; answered by `KeyringOrderDone`.
    """

    crosses_nodes = True

    action: KeyringAction
    key_id: str = Field(default="", max_length=64, description="of 'use' and 'remove'")
    sealed_keys: bytes = Field(default=b"", max_length=1024, description="of 'install'")
    number: int = Field(default=0, ge=0, description="chosen by `admin`, and echoed")


class KeyringState(Message):
    """The keys of one node.  Part of `KeyringOrderDone` and `KeyringReport`."""

    crosses_nodes = True

    node: str
    key_ids: tuple[str, ...] = Field(description="the first one encrypts, all decrypt")
    problem: str = Field(default="", max_length=512, description="why it was refused; may be empty")


class KeyringOrderDone(Message):
    """Answer of one node to `KeyringOrder`."""

    crosses_nodes = True

    number: int = Field(ge=0, description="of the order")
    state: KeyringState = Field(description="as of after the order")


class KeyringReport(Message):
    """Answer of `admin` to `KeyringOrder`: the keys of each living node, by name."""

    crosses_nodes = True

    nodes: tuple[KeyringState, ...]
    unanswered: tuple[str, ...] = Field(description="living nodes that did not answer")
    missing: tuple[str, ...] = Field(
        default=(), description="nodes that are dead: they were not asked"
    )
    degraded: tuple[str, ...] = Field(description="problems to act on, for people")


class KeyringFetch(Message):
    """Ask the gossip of another node for its keys, because this node's keys are outdated.

    Answered by `KeyringCopy`.
    """

    crosses_nodes = True


class KeyringCopy(Message):
    """Answer to `KeyringFetch`."""

    crosses_nodes = True

    sealed_keys: bytes = Field(max_length=1024)
